#include "cli/json_list.h"

#include <stdlib.h>

static void begin(const struct json_list *l)
{
	fprintf(l->to, "{\"%s\":[", l->name);
}

void json_list_add(struct json_list *l, const struct json *entry)
{
	char *text = json_print(entry);

	if (l->n++ == 0)
		begin(l);
	else
		fputc(',', l->to);
	fputs(text ? text : "null", l->to);
	free(text);
}

void json_list_end(const struct json_list *l, bool whole)
{
	if (whole && l->n == 0)
		begin(l);
	if (whole)
		fputs("]}\n", l->to);
	else if (l->n > 0)
		fputc('\n', l->to);
}
