/*
 * control_rig: the real control role in a process of its own, sandboxed as always, with the test at the other ends of
 * its channels (as monitor and engine) and of its listening sockets (as clients).
 */
#ifndef ROUSE_TESTS_CONTROL_RIG_H
#define ROUSE_TESTS_CONTROL_RIG_H

#include "proto/ipc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rig {
	pid_t pid;
	int monitor, engine; /* our ends */
	uint16_t port; /* of the registration listener, on 127.0.0.1 */
	char path[64]; /* abstract name of the control socket, without its NUL */
	struct ipc_settings settings;
};

/* Starts it with these settings (connection limits 64 and 16 where 0), says GO. */
void rig_start(struct rig *r, const struct ipc_settings *s);
/* Ends it: the monitor goes away; the exit status must be 0. */
void rig_stop(struct rig *r);
/* It must end by itself, with that status. */
void rig_expect_end(struct rig *r, int status);

void rig_say(int fd, const struct ipc_message *m);
#define RIG_PASSED_MAX 2
/* The same with descriptors, which stay open here. */
void rig_pass(int fd, const struct ipc_message *m, const int *passed, size_t n);
/* The next message; fails the test when there is none within 3 s, or it is of another kind. */
void rig_hear(int fd, enum ipc_kind kind, struct ipc_message *ret);
/* Nothing comes for that long. */
bool rig_silent(int fd, int ms);
/* RESULT for a request. */
void rig_answer(struct rig *r, uint32_t request, enum ipc_code code, const char *text);

/* Clients. */
int rig_dial(const struct rig *r, const char *from); /* from "127.0.0.x" */
int rig_dial_control(const struct rig *r);
void rig_send(int fd, const void *bytes, size_t n);
void rig_send_text(int fd, const char *text);
/* Everything until the end of the connection (at most 3 s), NUL-terminated; its length. -1: reset. */
ssize_t rig_read_all(int fd, char *to, size_t size);
/* One line without its end. */
void rig_read_line(int fd, char *to, size_t size);

#define RIG_JSON                                                                               \
	"{\"mac\":\"be:ef:fa:ce:c0:de\",\"name\":\"nas\",\"monitor\":[{\"ip\":\"192.0.2.50\"," \
	"\"port\":[22]}]}"

#endif
