/*
 * bpf: the part of classic BPF that our filters use, run in user space as the kernel runs it: a load outside the frame
 * ends the program with 0. Refuses (aborts) what the kernel's checker would: unknown instructions, jumps out of bounds.
 */
#ifndef ROUSE_TESTS_WIRE_BPF_H
#define ROUSE_TESTS_WIRE_BPF_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* A frame as the kernel holds it: the outer tag is not in the bytes. */
struct bpf_frame {
	const uint8_t *at;
	size_t n;
	bool tag_present;
	uint16_t tag;
	uint8_t packet_type;
};

static inline bool bpf_load(const struct bpf_frame *f, uint16_t size, uint32_t at, uint32_t *ret_a)
{
	size_t n = size == BPF_W ? 4 : size == BPF_H ? 2 : 1;
	uint32_t v = 0;

	if (at == (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT))
		v = f->tag_present;
	else if (at == (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG))
		v = f->tag;
	else if (at == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE))
		v = f->packet_type;
	else if (at > f->n || n > f->n - at)
		return false;
	else
		for (size_t i = 0; i < n; i++)
			v = v << 8 | f->at[at + i];
	*ret_a = v;
	return true;
}

static inline bool bpf_test(uint16_t op, uint32_t a, uint32_t k)
{
	switch (op) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return (a & k) != 0;
	default:
		abort();
	}
}

/* What the program returns: how many bytes pass. `*ret_steps` counts instructions. */
static inline uint32_t bpf_run(const struct sock_filter *code, size_t n, const struct bpf_frame *f,
			       size_t *ret_steps)
{
	uint32_t a = 0;
	uint32_t x = 0;

	*ret_steps = 0;
	for (size_t i = 0; i < n; i++) {
		const struct sock_filter *s = &code[i];

		++*ret_steps;
		switch (s->code) {
		case BPF_LD | BPF_ABS | BPF_W:
		case BPF_LD | BPF_ABS | BPF_H:
		case BPF_LD | BPF_ABS | BPF_B:
			if (!bpf_load(f, BPF_SIZE(s->code), s->k, &a))
				return 0;
			break;
		case BPF_LD | BPF_IND | BPF_H:
		case BPF_LD | BPF_IND | BPF_B:
			if (!bpf_load(f, BPF_SIZE(s->code), x + s->k, &a))
				return 0;
			break;
		case BPF_LDX | BPF_MSH | BPF_B:
			if (!bpf_load(f, BPF_B, s->k, &x))
				return 0;
			x = 4 * (x & 15);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= s->k;
			break;
		case BPF_ALU | BPF_MUL | BPF_K:
			a *= s->k;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			a >>= s->k;
			break;
		case BPF_ALU | BPF_XOR | BPF_X:
			a ^= x;
			break;
		case BPF_ALU | BPF_ADD | BPF_X:
			a += x;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_JMP | BPF_JA:
			i += s->k;
			break;
		case BPF_RET | BPF_K:
			return s->k;
		default:
			if (BPF_CLASS(s->code) != BPF_JMP || BPF_SRC(s->code) != BPF_K)
				abort();
			i += bpf_test(BPF_OP(s->code), a, s->k) ? s->jt : s->jf;
		}
	}
	abort();
}

#endif
