/*
 * store_state: what the parts of the store share: the reader's connection of the loop's thread, and the writer's, which
 * belongs to its own thread from the start of that to its end.
 */
#ifndef ROUSE_RELAY_STORE_STATE_H
#define ROUSE_RELAY_STORE_STATE_H

#include "proto/keys.h"
#include "relay/store.h"
#include "relay/store_cache.h"
#include "relay/store_writer.h"

#include <pthread.h>

struct store {
	struct db *db; /* the reader's */
	struct db_statement *s[STORE_STATEMENTS];
	uint8_t secret[KEYS_SECRET_SIZE];
	struct store_cache cache;
	struct store_listener listener;
	enum store_state state; /* as the loop knows it */
	bool frozen; /* opened on a read-only medium: there is no writer */
	size_t waiting;
	uint64_t failures; /* of reading */

	struct loop_watch watch;
	int wake_loop; /* eventfd, from the writer's thread */
	pthread_t thread;
	bool running;

	/* The thread's, and for others only before and after it. */
	struct store_writer writer;

	/* Between the threads. */
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list todo, done;
	enum store_state thread_state;
	bool stop;
};

void store_count_failure(struct store *s, int error);
enum store_state store_state_of(int error);

/* store_thread.c: starts and ends the writer's thread. */
int store_thread_start(struct store *s, struct loop *l);
void store_thread_stop(struct store *s);

#endif
