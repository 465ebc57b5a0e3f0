/*
 * floor: a bare epoll server that answers every request with one fixed answer: what HTTP costs at the least here.
 * usage: floor PORT
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] =
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 59\r\n\r\n"
	"{\"status\":\"ok\",\"version\":\"0.1.0\",\"guards\":0,\"storage\":\"ok\"}";

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct epoll_event e = { .events = EPOLLIN }, events[256];
	int listening = socket(AF_INET, SOCK_STREAM, 0), epoll_fd = epoll_create1(0), on = 1;

	if (argc != 2)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listening, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listening, 1024) < 0)
		return 1;
	e.data.fd = listening;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listening, &e);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			char bytes[4096];
			ssize_t got;

			if (fd == listening) {
				e.data.fd = accept(listening, NULL, NULL);
				setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
				epoll_ctl(epoll_fd, EPOLL_CTL_ADD, e.data.fd, &e);
				continue;
			}
			got = recv(fd, bytes, sizeof(bytes), 0);
			if (got <= 0)
				close(fd);
			else if (memmem(bytes, (size_t)got, "\r\n\r\n", 4))
				(void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
		}
	}
}
