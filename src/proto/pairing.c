#include "proto/pairing.h"

#include "base/bytes.h"
#include "base/text.h"
#include "proto/keys.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(PAIRING_SHARE_SIZE == KEYS_GROUP_SIZE, "a share is an element");
static_assert(PAIRING_RANDOM == KEYS_LONG_HASH_SIZE, "a scalar is reduced from as many bytes");

void pairing_code(const uint8_t random[static 8], char ret_code[static PAIRING_CODE_DIGITS + 1])
{
	uint64_t n = 0;

	for (size_t i = 0; i < 8; i++)
		n = n << 8 | random[i];
	for (size_t i = PAIRING_CODE_DIGITS; i-- > 0; n /= 10)
		ret_code[i] = (char)('0' + n % 10);
	ret_code[PAIRING_CODE_DIGITS] = 0;
}

int pairing_code_parse(const char *text, char ret_code[static PAIRING_CODE_DIGITS + 1])
{
	char code[PAIRING_CODE_DIGITS + 1];
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ' ' || *text == '\t' || *text == '-')
			continue;
		if (*text < '0' || *text > '9' || n == PAIRING_CODE_DIGITS)
			return -EINVAL;
		code[n++] = *text;
	}
	if (n != PAIRING_CODE_DIGITS)
		return -EINVAL;
	code[n] = 0;
	memcpy(ret_code, code, sizeof(code));
	return 0;
}

/* What both sides start from: an element that nobody knows who does not know the code. */
static void generator(const char *code, const struct pairing_about *about,
		      uint8_t ret[static KEYS_GROUP_SIZE])
{
	uint8_t bytes[6 * 4 + sizeof("rouse-pair-v1") + PAIRING_CODE_DIGITS + PAIRING_SESSION_SIZE +
		      MAC_TEXT + SPEC_NAME_MAX];
	struct writer w = writer_over(bytes, sizeof(bytes));
	uint8_t hash[KEYS_LONG_HASH_SIZE];
	char mac[MAC_TEXT];

	relay_part_text(&w, "rouse-pair-v1");
	relay_part_text(&w, code);
	relay_part(&w, about->session, sizeof(about->session));
	relay_part_text(&w, mac_format(&about->mac, mac));
	relay_part_text(&w, about->name);
	assert(!w.failed);
	keys_long_hash(bytes, w.used, hash);
	keys_group_element(hash, ret);
	keys_wipe(bytes, sizeof(bytes));
	keys_wipe(hash, sizeof(hash));
}

void pairing_start(struct pairing_half *ret, enum pairing_side side, const char *code,
		   const struct pairing_about *about, const uint8_t random[static PAIRING_RANDOM])
{
	uint8_t base[KEYS_GROUP_SIZE];
	int error;

	ret->side = side;
	memcpy(ret->session, about->session, sizeof(ret->session));
	generator(code, about, base);
	keys_group_scalar(random, ret->scalar);
	error = keys_group_multiply(ret->scalar, base, ret->share);
	keys_wipe(base, sizeof(base));
	/* Only of the scalar 0: these bytes were not random. */
	assert(error == 0);
}

bool pairing_share_valid(const uint8_t share[static PAIRING_SHARE_SIZE])
{
	return keys_group_valid(share);
}

static void confirmation(const uint8_t key[static KEYS_SECRET_SIZE], enum pairing_side side,
			 uint8_t ret_tag[static PAIRING_TAG_SIZE])
{
	const char *who = side == PAIRING_GUARD ? "guard" : "sleeper";

	keys_hmac(key, who, strlen(who), ret_tag);
}

int pairing_finish(const struct pairing_half *half, const uint8_t other[static PAIRING_SHARE_SIZE],
		   const char *id, struct pairing_outcome *ret)
{
	const uint8_t *sleeper = half->side == PAIRING_SLEEPER ? half->share : other;
	const uint8_t *guard = half->side == PAIRING_SLEEPER ? other : half->share;
	uint8_t bytes[6 * 4 + sizeof("rouse-pair-isk-v1") + PAIRING_SESSION_SIZE +
		      3 * KEYS_GROUP_SIZE + PAIRING_ID_TEXT];
	struct writer w = writer_over(bytes, sizeof(bytes));
	uint8_t product[KEYS_GROUP_SIZE], hash[KEYS_LONG_HASH_SIZE];

	if (keys_group_multiply(half->scalar, other, product) < 0)
		return -EINVAL;
	relay_part_text(&w, "rouse-pair-isk-v1");
	relay_part(&w, half->session, sizeof(half->session));
	relay_part(&w, product, sizeof(product));
	relay_part(&w, sleeper, PAIRING_SHARE_SIZE);
	relay_part(&w, guard, PAIRING_SHARE_SIZE);
	relay_part_text(&w, id);
	assert(!w.failed);
	keys_long_hash(bytes, w.used, hash);
	memcpy(ret->key, hash, sizeof(ret->key));
	confirmation(hash + sizeof(ret->key), half->side, ret->tag);
	confirmation(hash + sizeof(ret->key),
		     half->side == PAIRING_GUARD ? PAIRING_SLEEPER : PAIRING_GUARD, ret->expected);
	keys_wipe(bytes, sizeof(bytes));
	keys_wipe(product, sizeof(product));
	keys_wipe(hash, sizeof(hash));
	return 0;
}

void pairing_wipe(struct pairing_half *half, struct pairing_outcome *outcome)
{
	if (half)
		keys_wipe(half, sizeof(*half));
	if (outcome)
		keys_wipe(outcome, sizeof(*outcome));
}
