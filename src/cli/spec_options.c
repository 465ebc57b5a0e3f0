#include "cli/spec_options.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

static const char *take_mac(const char *value, struct spec *s)
{
	struct mac mac;

	if (mac_parse(value, &mac) < 0)
		return "is no MAC address like be:ef:fa:ce:c0:de";
	if (mac_is_group(&mac) || mac_is_zero(&mac))
		return "is no single machine's MAC address";
	s->mac = mac;
	return NULL;
}

static const char *take_address(const char *value, struct spec *s)
{
	struct addr a;

	if (addr_parse(value, &a) < 0)
		return "is neither an IPv4 nor an IPv6 address";
	switch (spec_add_address(s, &a)) {
	case 0:
		return NULL;
	case -EEXIST:
		return "is given twice";
	default:
		return "is one address too many: a machine has at most 16";
	}
}

static const char *take_rule(const char *value, struct spec *s)
{
	struct rule rule;

	if (rule_parse(value, &rule) < 0)
		return "is no rule; rules are like tcp/22, tcp/22+data, udp/9987, tcp/8000-8010, "
		       "any, echo";
	return spec_add_rule(s, &rule) < 0 ? "is one rule too many: a machine has at most 256"
					   : NULL;
}

static const char *take_source(const char *value, struct source *sources, uint16_t *n)
{
	if (*n == SPEC_SOURCES_MAX)
		return "is one source too many: at most 32";
	if (source_parse(value, &sources[*n]) < 0)
		return "is neither an address, nor a prefix, nor a MAC";
	(*n)++;
	return NULL;
}

static const char *take_interface(const char *value, struct spec *s)
{
	if (value[0] == 0 || strlen(value) >= sizeof(s->interface))
		return "is no interface's name";
	memcpy(s->interface, value, strlen(value) + 1);
	return NULL;
}

static const char *take_watts(const char *value, struct spec *s)
{
	uint64_t watts;

	if (text_parse_u64(value, UINT16_MAX, &watts) < 0)
		return "is no number of watts";
	s->watts = (uint16_t)watts;
	return NULL;
}

const char *spec_option_take(int option, const char *value, struct spec *s)
{
	switch ((enum spec_option)option) {
	case SPEC_OPTION_MAC:
		return take_mac(value, s);
	case SPEC_OPTION_ADDRESS:
		return take_address(value, s);
	case SPEC_OPTION_ON:
		return take_rule(value, s);
	case SPEC_OPTION_FROM:
		return take_source(value, s->from, &s->from_n);
	case SPEC_OPTION_IGNORE:
		return take_source(value, s->ignore, &s->ignore_n);
	case SPEC_OPTION_SECUREON:
		return secureon_parse(value, &s->secureon) < 0
			       ? "is not four or six bytes like 01:02:03:04:05:06"
			       : NULL;
	case SPEC_OPTION_INTERFACE:
		return take_interface(value, s);
	case SPEC_OPTION_WATTS:
		return take_watts(value, s);
	case SPEC_OPTION_END:
		break;
	}
	return "is not known here";
}
