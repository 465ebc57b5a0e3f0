/*
 * discover: what src/sys/discover.h finds, as JSON: `discover MILLISECONDS [INTERFACE]`. For the lab.
 */
#include "sys/discover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct discovered found[DISCOVER_GUARDS];
	char text[ADDR_TEXT];
	int n = argc < 2 ? -1
			 : discover_guards((unsigned int)atoi(argv[1]), argc > 2 ? argv[2] : NULL,
					   found, DISCOVER_GUARDS);

	if (n < 0) {
		fprintf(stderr, "%s\n", strerror(-n));
		return 1;
	}
	printf("[");
	for (int i = 0; i < n; i++) {
		printf("%s{\"name\":\"%s\",\"port\":%u,\"ifindex\":%d,\"addresses\":[",
		       i ? "," : "", found[i].name, (unsigned int)found[i].port, found[i].ifindex);
		for (size_t k = 0; k < found[i].addresses_n; k++)
			printf("%s\"%s\"", k ? "," : "", addr_format(&found[i].addresses[k], text));
		printf("]}");
	}
	printf("]\n");
	return 0;
}
