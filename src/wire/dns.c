#include "wire/dns.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

#define HEAD 12
#define RESPONSE 0x8000
#define OPCODE 0x7800
#define RESPONSE_AUTHORITATIVE 0x8400
#define CLASS_IN 1
#define CLASS_ANY 255
#define CLASS_TOP 0x8000 /* of a question: answer to me alone; of a record: flush what you know */
#define QUESTIONS_MAX 32
#define RECORDS_MAX 64 /* of one answer that are looked at */
#define NAME_MAX_BYTES 255
#define JUMPS_MAX 16 /* in one name */
#define INSTANCES_MAX 8

enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_TXT = 16, TYPE_AAAA = 28, TYPE_SRV = 33, TYPE_ANY = 255 };

const struct addr DNS_GROUP_V4 = { .family = 4, .b = { 224, 0, 0, 251 } };
const struct addr DNS_GROUP_V6 = { .family = 6, .b = { 0xff, 0x02, [15] = 0xfb } };

/* A name as labels with their lengths, and the root's 0 at the end. */
struct name {
	uint16_t n;
	uint8_t b[NAME_MAX_BYTES];
};

#define SERVICE "\x06_rouse\x04_tcp\x05local" /* and the literal's own NUL */
#define TYPES                      \
	"\x09_services\x07_dns-sd" \
	"\x04_udp\x05local"
#define LOCAL "\x05local"

static const uint8_t service_name[] = SERVICE;
static const uint8_t types_name[] = TYPES;
static const uint8_t local_name[] = LOCAL;

/* --- names --- */

static void name_append(struct name *n, const void *bytes, size_t length)
{
	memcpy(n->b + n->n, bytes, length);
	n->n = (uint16_t)(n->n + length);
}

/* A label before a name that ends with its root; all of ours fit. */
static struct name name_of(const char *label, const uint8_t *rest, size_t rest_n)
{
	struct name n = { .n = 0 };
	size_t length = strlen(label);
	uint8_t l = (uint8_t)length;

	name_append(&n, &l, 1);
	name_append(&n, label, length);
	name_append(&n, rest, rest_n);
	return n;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool bytes_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* Lengths are below 64, so that they are no letters. */
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

static bool name_same(const struct name *a, const struct name *b)
{
	return a->n == b->n && bytes_same(a->b, b->b, a->n);
}

static bool name_is(const struct name *a, const uint8_t *b, size_t n)
{
	return a->n == n && bytes_same(a->b, b, n);
}

/* A message being read. */
struct reader {
	const uint8_t *bytes;
	size_t n;
	struct cursor at;
};

/*
 * The labels up to the root or a pointer, from `c`; where it points, or 0. A pointer leads back, before the place that it was read
 * from (`before`): so it ends, whatever the bytes are.
 */
static size_t read_labels(struct cursor *c, struct name *ret, size_t before)
{
	for (;;) {
		uint8_t length = cursor_u8(c);
		const uint8_t *label;
		size_t to;

		if (length >= 0xc0) {
			to = (size_t)(length & 0x3f) << 8 | cursor_u8(c);
			c->failed = c->failed || to < HEAD || to >= before;
			return c->failed ? 0 : to;
		}
		label = cursor_take(c, length);
		/* The root, which is one byte more, always fits. */
		c->failed = c->failed || length >= 0x40 ||
			    (length > 0 && ret->n + length + 2 > NAME_MAX_BYTES);
		if (c->failed)
			return 0;
		name_append(ret, &length, 1);
		if (length == 0)
			return 0;
		name_append(ret, label, length);
	}
}

static void read_name(struct reader *r, struct name *ret)
{
	size_t here = r->n - r->at.left;
	struct name name = { .n = 0 };
	size_t to = read_labels(&r->at, &name, here);

	for (unsigned int jumps = 0; to != 0 && !r->at.failed; jumps++) {
		struct cursor c = cursor_over(r->bytes, r->n);

		here = to;
		cursor_skip(&c, here);
		to = read_labels(&c, &name, here);
		r->at.failed = c.failed || jumps == JUMPS_MAX;
	}
	*ret = name;
}

/* --- reading --- */

struct head {
	uint16_t flags, questions, answers, others;
};

static struct reader reader_over(const void *bytes, size_t n, struct head *ret)
{
	struct reader r = { .bytes = bytes, .n = n, .at = cursor_over(bytes, n) };
	uint32_t others;

	r.at.failed = n > DNS_MESSAGE_MAX;
	cursor_skip(&r.at, 2); /* the id: means nothing here */
	ret->flags = cursor_be16(&r.at);
	ret->questions = cursor_be16(&r.at);
	ret->answers = cursor_be16(&r.at);
	others = cursor_be16(&r.at);
	others += cursor_be16(&r.at);
	ret->others = (uint16_t)(others > UINT16_MAX ? UINT16_MAX : others);
	return r;
}

struct question {
	struct name name;
	uint16_t type, class;
};

static void read_question(struct reader *r, struct question *ret)
{
	read_name(r, &ret->name);
	ret->type = cursor_be16(&r->at);
	ret->class = (uint16_t)(cursor_be16(&r->at) & ~CLASS_TOP);
}

struct record {
	struct name name;
	uint16_t type, class;
	uint32_t ttl;
	struct reader data; /* reads names of the whole message, and ends where the record does */
};

static void read_record(struct reader *r, struct record *ret)
{
	size_t length, start;

	read_name(r, &ret->name);
	ret->type = cursor_be16(&r->at);
	ret->class = (uint16_t)(cursor_be16(&r->at) & ~CLASS_TOP);
	ret->ttl = cursor_be32(&r->at);
	length = cursor_be16(&r->at);
	start = r->n - r->at.left;
	cursor_skip(&r->at, length);
	ret->data = *r;
	ret->data.n = start + length;
	ret->data.at = cursor_over(r->bytes, r->at.failed ? 0 : ret->data.n);
	cursor_skip(&ret->data.at, start);
}

/* --- queries --- */

static bool type_is(uint16_t asked, uint16_t type)
{
	return asked == type || asked == TYPE_ANY;
}

/* What of the service a question is about. */
static bool asks_for(const struct question *q, const struct dns_service *own)
{
	struct name instance = name_of(own->instance, service_name, sizeof(service_name));
	struct name host = name_of(own->host, local_name, sizeof(local_name));

	if (name_is(&q->name, service_name, sizeof(service_name)))
		return type_is(q->type, TYPE_PTR);
	if (name_same(&q->name, &instance))
		return type_is(q->type, TYPE_SRV) || q->type == TYPE_TXT;
	return name_same(&q->name, &host) && (type_is(q->type, TYPE_A) || q->type == TYPE_AAAA);
}

/* The PTR to our instance, which is good for long enough still (RFC 6762, 7.1). */
static bool is_known(struct record *a, const struct dns_service *own)
{
	struct name instance = name_of(own->instance, service_name, sizeof(service_name));
	struct name said;

	if (a->type != TYPE_PTR || a->ttl < DNS_TTL / 2 ||
	    !name_is(&a->name, service_name, sizeof(service_name)))
		return false;
	read_name(&a->data, &said);
	return !a->data.at.failed && name_same(&said, &instance);
}

int dns_query_decode(const void *bytes, size_t n, const struct dns_service *own,
		     struct dns_wanted *ret)
{
	struct dns_wanted wanted = { .service = false };
	bool list = false, known = false;
	struct head head;
	struct reader r = reader_over(bytes, n, &head);

	if (head.flags & (RESPONSE | OPCODE))
		return -EBADMSG;
	for (uint16_t i = 0; i < head.questions && i < QUESTIONS_MAX && !r.at.failed; i++) {
		struct question q;

		read_question(&r, &q);
		if (r.at.failed || (q.class != CLASS_IN && q.class != CLASS_ANY))
			continue;
		if (name_is(&q.name, types_name, sizeof(types_name)))
			wanted.types = wanted.types || type_is(q.type, TYPE_PTR);
		else if (name_is(&q.name, service_name, sizeof(service_name)))
			list = list || asks_for(&q, own);
		else
			wanted.service = wanted.service || asks_for(&q, own);
	}
	for (uint16_t i = 0; head.questions <= QUESTIONS_MAX && i < head.answers &&
			     i < QUESTIONS_MAX && !r.at.failed;
	     i++) {
		struct record a;

		read_record(&r, &a);
		known = known || (!r.at.failed && is_known(&a, own));
	}
	if (r.at.failed)
		return -EBADMSG;
	wanted.service = wanted.service || (list && !known);
	*ret = wanted;
	return 0;
}

/* --- answers --- */

/* An instance that is being put together from the records of an answer. */
struct found {
	struct name instance, host;
	struct dns_service service;
};

struct findings {
	struct found list[INSTANCES_MAX];
	size_t n;
};

/* One record after the other, each to `take`; false when the answer is malformed. */
static bool each_record(const void *bytes, size_t n,
			void (*take)(struct record *a, struct findings *f), struct findings *f)
{
	struct head head;
	struct reader r = reader_over(bytes, n, &head);
	uint32_t records = (uint32_t)head.answers + head.others;

	if (r.at.failed || (head.flags & (RESPONSE | OPCODE)) != RESPONSE)
		return false;
	/* There should be none; they mean nothing (RFC 6762, 6). */
	for (uint16_t i = 0; i < head.questions && !r.at.failed; i++) {
		struct question q;

		read_question(&r, &q);
		r.at.failed = r.at.failed || i == QUESTIONS_MAX;
	}
	for (uint32_t i = 0; i < records && i < RECORDS_MAX; i++) {
		struct record a;

		read_record(&r, &a);
		if (r.at.failed)
			return false;
		/* A time of 0 is a goodbye. */
		if (a.class == CLASS_IN && a.ttl > 0)
			take(&a, f);
	}
	return true;
}

static struct found *find_instance(struct findings *f, const struct name *name)
{
	for (size_t i = 0; i < f->n; i++) {
		if (name_same(&f->list[i].instance, name))
			return &f->list[i];
	}
	return NULL;
}

static void take_instance(struct record *a, struct findings *f)
{
	struct name said;
	size_t label;

	if (a->type != TYPE_PTR || !name_is(&a->name, service_name, sizeof(service_name)))
		return;
	read_name(&a->data, &said);
	label = said.b[0];
	if (a->data.at.failed || label == 0 || said.n != label + 1 + sizeof(service_name) ||
	    !bytes_same(said.b + 1 + label, service_name, sizeof(service_name)))
		return;
	if (f->n < INSTANCES_MAX && !find_instance(f, &said))
		f->list[f->n++] = (struct found){ .instance = said };
}

static void take_place(struct record *a, struct findings *f)
{
	struct found *of = a->type == TYPE_SRV ? find_instance(f, &a->name) : NULL;
	uint16_t port;
	struct name host;

	if (!of)
		return;
	cursor_skip(&a->data.at, 4); /* priority, weight */
	port = cursor_be16(&a->data.at);
	read_name(&a->data, &host);
	if (a->data.at.failed || port == 0)
		return;
	of->service.port = port;
	of->host = host;
}

static void take_address(struct record *a, struct findings *f)
{
	struct addr addr = { .family = a->type == TYPE_A ? 4 : 6 };

	if (a->type != TYPE_A && a->type != TYPE_AAAA)
		return;
	cursor_copy(&a->data.at, addr.b, addr_size(&addr));
	if (a->data.at.failed || a->data.at.left > 0 || addr_is_multicast(&addr) ||
	    addr_is_unspecified(&addr) || addr_is_loopback(&addr) ||
	    addr_is_limited_broadcast(&addr))
		return;
	for (size_t i = 0; i < f->n; i++) {
		struct dns_service *s = &f->list[i].service;
		bool there = s->addresses_n == DNS_ADDRESSES ||
			     !name_same(&f->list[i].host, &a->name);

		for (uint16_t k = 0; k < s->addresses_n && !there; k++)
			there = addr_equal(&s->addresses[k], &addr);
		if (!there)
			s->addresses[s->addresses_n++] = addr;
	}
}

/* A label as text: what would steer a terminal becomes '?'. */
static void label_text(const uint8_t *label, char to[static DNS_LABEL])
{
	const char *from = (const char *)label + 1;
	size_t n = label[0], used = 0;

	for (size_t i = 0; i < n;) {
		size_t length = text_utf8_length(from + i, n - i);

		if (length == 0 || from[i] == 0 || text_is_control(from + i, length)) {
			to[used++] = '?';
			i += length ? length : 1;
			continue;
		}
		memcpy(to + used, from + i, length);
		used += length;
		i += length;
	}
	to[used] = 0;
}

int dns_answer_decode(const void *bytes, size_t n, struct dns_service *ret, size_t max)
{
	struct findings found = { .n = 0 };
	size_t good = 0;

	if (!each_record(bytes, n, take_instance, &found) ||
	    !each_record(bytes, n, take_place, &found) ||
	    !each_record(bytes, n, take_address, &found))
		return -EBADMSG;
	for (size_t i = 0; i < found.n && good < max; i++) {
		struct found *f = &found.list[i];

		if (f->service.port == 0 || f->service.addresses_n == 0)
			continue;
		label_text(f->instance.b, f->service.instance);
		label_text(f->host.b, f->service.host);
		ret[good++] = f->service;
	}
	return (int)good;
}

/* --- writing: without compression, since all of it is small --- */

void dns_host(const struct mac *mac, char to[static DNS_LABEL])
{
	struct text t = text_over(to, DNS_LABEL);

	text_string(&t, "rouse-");
	for (size_t i = 0; i < sizeof(mac->b); i++)
		text_hex(&t, mac->b[i], 2);
}

static void write_head(struct writer *w, uint16_t flags, uint16_t questions, uint16_t answers)
{
	writer_be16(w, 0);
	writer_be16(w, flags);
	writer_be16(w, questions);
	writer_be16(w, answers);
	writer_be32(w, 0);
}

void dns_query_encode(struct writer *w)
{
	write_head(w, 0, 1, 0);
	writer_bytes(w, service_name, sizeof(service_name));
	writer_be16(w, TYPE_PTR);
	writer_be16(w, CLASS_IN);
}

/* A record up to its data. Of names that are one host's alone, what others remember is to be flushed. */
static void write_record(struct writer *w, const void *name, size_t name_n, uint16_t type, bool own,
			 size_t length)
{
	writer_bytes(w, name, name_n);
	writer_be16(w, type);
	writer_be16(w, own ? CLASS_TOP | CLASS_IN : CLASS_IN);
	writer_be32(w, DNS_TTL);
	writer_be16(w, (uint16_t)length);
}

void dns_answer_encode(struct writer *w, const struct dns_service *s, bool types)
{
	static const uint8_t txt[] = "\x03v=1";
	struct name instance = name_of(s->instance, service_name, sizeof(service_name));
	struct name host = name_of(s->host, local_name, sizeof(local_name));

	write_head(w, RESPONSE_AUTHORITATIVE, 0, (uint16_t)(3 + types + s->addresses_n));
	if (types) {
		write_record(w, types_name, sizeof(types_name), TYPE_PTR, false,
			     sizeof(service_name));
		writer_bytes(w, service_name, sizeof(service_name));
	}
	write_record(w, service_name, sizeof(service_name), TYPE_PTR, false, instance.n);
	writer_bytes(w, instance.b, instance.n);
	write_record(w, instance.b, instance.n, TYPE_SRV, true, 6U + host.n);
	writer_be32(w, 0); /* priority, weight */
	writer_be16(w, s->port);
	writer_bytes(w, host.b, host.n);
	write_record(w, instance.b, instance.n, TYPE_TXT, true, sizeof(txt) - 1);
	writer_bytes(w, txt, sizeof(txt) - 1);
	for (uint16_t i = 0; i < s->addresses_n; i++) {
		size_t size = addr_size(&s->addresses[i]);

		write_record(w, host.b, host.n, size == 4 ? TYPE_A : TYPE_AAAA, true, size);
		writer_bytes(w, s->addresses[i].b, size);
	}
}
