/*
 * control: the role that people and machines talk to. It serves the registration port (Wakupator's JSON) and the
 * control socket (JSON lines), and turns what they say into typed requests to the engine and the monitor.
 *
 * It owns its clients and nothing else: no file, no capability, no way to make a socket. Listening sockets come from
 * the monitor. When it dies, its clients lose their connection and nothing more.
 */
#ifndef ROUSE_GUARD_CONTROL_H
#define ROUSE_GUARD_CONTROL_H

/* The role's whole life; returns the exit status. */
int control_main(void);

#endif
