/*
 * The stages that need no filter: identity, capabilities, limits; and what is said of all of them.
 * Capabilities by raw system calls: libcap would be a library for two calls.
 */
#include "sys/sandbox.h"

#include "base/text.h"
#include "sys/sandbox_parts.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENGINE_DESCRIPTORS 256 /* a packet socket and a tap for each interface, and spare */
#define CONTROL_DESCRIPTORS 16384
#define UPLINK_DESCRIPTORS 64

/* --- capabilities --- */

struct capabilities {
	uint64_t effective, permitted, inheritable;
};

static int capabilities_get(struct capabilities *ret)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	if (syscall(SYS_capget, &header, d) < 0)
		return -errno;
	ret->effective = d[0].effective | (uint64_t)d[1].effective << 32;
	ret->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	ret->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

static int capabilities_set(const struct capabilities *c)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	for (unsigned int i = 0; i < 2; i++) {
		d[i].effective = (uint32_t)(c->effective >> 32 * i);
		d[i].permitted = (uint32_t)(c->permitted >> 32 * i);
		d[i].inheritable = (uint32_t)(c->inheritable >> 32 * i);
	}
	return syscall(SYS_capset, &header, d) < 0 ? -errno : 0;
}

/* Nothing to be gained by an exec: bounding set where we may, ambient set in any case. */
static void capabilities_no_gain(void)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			break; /* EINVAL: beyond the last one. EPERM: not ours to clear */
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static uint64_t wanted(unsigned int keep)
{
	return (keep & SANDBOX_NET_RAW ? UINT64_C(1) << CAP_NET_RAW : 0) |
	       (keep & SANDBOX_NET_ADMIN ? UINT64_C(1) << CAP_NET_ADMIN : 0) |
	       (keep & SANDBOX_NET_BIND_SERVICE ? UINT64_C(1) << CAP_NET_BIND_SERVICE : 0);
}

static void report_identity(struct sandbox_report *r)
{
	struct capabilities c = { 0 };

	(void)capabilities_get(&c);
	r->capabilities = c.effective;
	r->root = geteuid() == 0;
}

/* --- stage: identity --- */

/*
 * Should keep: the capabilities that are asked for, through the change of user. Must not keep: any
 * of the three user ids, a supplementary group, or the way back that a saved id is.
 */
static int change_user(uid_t uid, gid_t gid)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return -errno;
	/* That it worked is too important to be believed. */
	if (uid != 0 && (setuid(0) == 0 || getuid() != uid || geteuid() != uid))
		return -EACCES;
	return 0;
}

int sandbox_identity(uid_t uid, gid_t gid, unsigned int keep, struct sandbox_report *ret_report)
{
	struct sandbox_report report = { 0 };
	struct capabilities c = { 0 };
	int r;

	capabilities_no_gain(); /* while CAP_SETPCAP is still there */
	if (geteuid() == 0) {
		r = change_user(uid, gid);
		if (r < 0)
			return r;
		report.changed_user = uid != 0;
	}
	r = capabilities_get(&c);
	if (r < 0)
		return r;

	uint64_t kept = c.permitted & wanted(keep);

	r = capabilities_set(&(struct capabilities){ .effective = kept, .permitted = kept });
	if (r < 0)
		return r;
	report_identity(&report);
	*ret_report = report;
	return kept == wanted(keep) ? 0 : -EPERM;
}

/* --- stage: strip --- */

static void limit(int what, rlim_t most)
{
	struct rlimit now;

	/* A lower limit that is there already stays. */
	if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_max < most)
		most = now.rlim_max;
	(void)setrlimit((__rlimit_resource_t)what, &(struct rlimit){ most, most });
}

/*
 * Should keep: the descriptors it was given. Must not keep: any capability, a memory image for
 * others to read, a second process.
 */
int sandbox_strip(enum sandbox_role role, struct sandbox_report *ret_report)
{
	struct sandbox_report report = { 0 };
	int r;

	capabilities_no_gain();
	r = capabilities_set(&(struct capabilities){ 0 });
	if (r < 0)
		return r;
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, role == SANDBOX_ENGINE   ? ENGINE_DESCRIPTORS
			     : role == SANDBOX_UPLINK ? UPLINK_DESCRIPTORS
						      : CONTROL_DESCRIPTORS);
	if (!SANDBOX_SANITIZED)
		limit(RLIMIT_NPROC, 0);
	report_identity(&report);
	*ret_report = report;
	return 0;
}

/* --- stage: close --- */

int sandbox_close(enum sandbox_role role, const struct sandbox_path *paths, size_t n,
		  struct sandbox_report *report)
{
	int r;

	limit(RLIMIT_CORE, 0);
	if (!SANDBOX_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	/* Should keep: what there is. Must not: gain by exec. Landlock and seccomp need it, too. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	report->no_new_privs = true;

	r = sandbox_landlock(role, paths, n);
	report->landlock = r < 0 ? 0 : r;
	report->landlock_error = r < 0 ? -r : 0;
	if (r < 0 && r != -ENOSYS && r != -EOPNOTSUPP)
		return r;
	/* Last, because it forbids the calls of the stages before. */
	r = sandbox_seccomp(role);
	report->seccomp = r == 0;
	report->seccomp_error = r < 0 ? -r : 0;
	if (r < 0 && r != -ENOSYS)
		return r;
	return 0;
}

bool sandbox_relaxed(void)
{
	return SANDBOX_SANITIZED;
}

/* --- words --- */

static void text_capabilities(struct text *t, uint64_t set)
{
	static const struct {
		int number;
		const char *name;
	} known[] = {
		{ CAP_NET_BIND_SERVICE, " net_bind_service" },
		{ CAP_NET_ADMIN, " net_admin" },
		{ CAP_NET_RAW, " net_raw" },
	};

	if (!set) {
		text_string(t, ", no capability");
		return;
	}
	text_string(t, ", capabilities");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (set & UINT64_C(1) << known[i].number)
			text_string(t, known[i].name);
		set &= ~(UINT64_C(1) << known[i].number);
	}
	if (set) {
		text_string(t, " and others 0x");
		text_hex(t, set, 1);
	}
}

static void text_missing(struct text *t, const char *what, int error)
{
	text_string(t, ", no ");
	text_string(t, what);
	if (error) {
		text_string(t, " (");
		text_string(t, error == ENOSYS || error == EINVAL ? "not in this kernel"
								  : strerror(error));
		text_char(t, ')');
	}
}

char *sandbox_report_format(const struct sandbox_report *r, char to[static SANDBOX_TEXT])
{
	struct text t = text_over(to, SANDBOX_TEXT);

	text_string(&t, r->root ? "root" : "ordinary user");
	text_capabilities(&t, r->capabilities);
	if (r->seccomp)
		text_string(&t, ", seccomp");
	else
		text_missing(&t, "seccomp", r->seccomp_error);
	if (r->landlock) {
		text_string(&t, ", Landlock ABI ");
		text_u64(&t, (uint64_t)r->landlock);
	} else {
		text_missing(&t, "Landlock",
			     r->landlock_error == EOPNOTSUPP ? ENOSYS : r->landlock_error);
	}
	return to;
}
