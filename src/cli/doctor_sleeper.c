/*
 * doctor_sleeper: the checks of pairing and lease: does the guard know this machine, and does it know that it is awake.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <string.h>

void doctor_paired(const struct box *b, struct finding *f)
{
	char paired[MAC_TEXT];
	char here[MAC_TEXT];

	if (b->paired == -ENOENT && !(b->sleeper.error == 0 && b->sleeper.pairing[0])) {
		finding_problem(f, "sudo rouse setup; the guard shows the code: sudo rouse pair",
				"this machine is not paired with a guard");
	} else if (b->paired == -EACCES || b->paired == -EPERM) {
		if (b->sleeper.error == 0 && b->sleeper.pairing[0])
			finding_ok(f, "paired with %s", b->sleeper.guard);
		else
			finding_unknown(f, "sudo rouse doctor",
					"only root may read the pairing in " PAIRING_STATE_FOLDER);
	} else if (b->paired < 0) {
		finding_problem(f, "pair again: sudo rouse setup --again",
				"the pairing in " PAIRING_STATE_FOLDER " cannot be read: %s",
				strerror(-b->paired));
	} else if (b->name[0] && !mac_equal(&b->pairing.mac, &b->mac)) {
		finding_problem(f,
				"if the card was changed, pair again: sudo rouse setup --again; "
				"else see WOL-MAC",
				"paired as %s with the MAC %s, but %s has %s", b->pairing.name,
				mac_format(&b->pairing.mac, paired), b->name,
				mac_format(&b->mac, here));
	} else {
		finding_ok(f, "paired with %s as %s", b->pairing.guard, b->pairing.name);
	}
}

void doctor_sleeper(const struct box *b, struct finding *f)
{
	if (b->sleeper.error == 0)
		finding_ok(f, "rouse-sleeper answers at %s", b->cli->sleeper);
	else if (b->sleeper.error == -EACCES || b->sleeper.error == -EPERM)
		finding_unknown(
			f, "sudo rouse doctor, or join the group: sudo usermod -aG rouse $USER",
			"only root and the group rouse may ask rouse-sleeper");
	else
		finding_problem(f,
				"systemctl enable --now rouse-sleeper; why it ended: journalctl -u "
				"rouse-sleeper",
				"rouse-sleeper does not answer at %s (%s)", b->cli->sleeper,
				strerror(-b->sleeper.error));
}

void doctor_held(const struct box *b, struct finding *f)
{
	if (b->sleeper.error < 0)
		finding_unknown(f, "see SLEEPER-RUNNING", "rouse-sleeper did not say");
	else if (strcmp(b->sleeper.lease, "held") == 0)
		finding_ok(f, "the guard, %s, knows that this machine is awake", b->sleeper.guard);
	else if (strcmp(b->sleeper.lease, "unpaired") == 0)
		finding_problem(f, "sudo rouse setup", "no lease: %s",
				b->sleeper.problem[0] ? b->sleeper.problem : "not paired");
	else
		finding_problem(
			f,
			"see GUARD-REACHABLE; what the guard says: rouse log, and journalctl "
			"-u roused, there",
			"the lease is %s: %s", b->sleeper.lease[0] ? b->sleeper.lease : "not known",
			b->sleeper.problem[0] ? b->sleeper.problem : "no reason is known");
}
