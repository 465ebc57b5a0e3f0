/*
 * doctor_checks: the table of the checks, in the order in which a person would look. Codes never change their meaning; one
 * that is not needed any more is left out, not used again.
 */
#include "cli/doctor.h"

#define BOTH (DOCTOR_MACHINE | DOCTOR_GUARD)

const struct doctor_check doctor_checks[] = {
	{ "WOL-LINK", "the network card has a link",
	  "Without a cable that works now, no magic packet arrives when the machine sleeps.",
	  DOCTOR_MACHINE, doctor_link },
	{ "WOL-WIRED", "it is connected by cable",
	  "A sleeping Wi-Fi card has left its network, but for few cards and drivers.",
	  DOCTOR_MACHINE, doctor_wired },
	{ "WOL-SUPPORT", "the network card can wake the machine",
	  "Card and driver must know Wake-on-LAN by magic packet: 'g' in the letters of "
	  "ethtool(8).",
	  DOCTOR_MACHINE, doctor_wol_support },
	{ "WOL-ARMED", "Wake-on-LAN is armed",
	  "A card that can, does not unless it is told to, often anew at every boot. 'g' must be "
	  "set; "
	  "u, m, b or a wake it for nearly everything.",
	  DOCTOR_MACHINE, doctor_wol_armed },
	{ "WOL-WAKEUP", "the kernel lets the card wake the machine",
	  "power/wakeup of the card must be enabled, or the kernel cuts its wake-up line in sleep.",
	  DOCTOR_MACHINE, doctor_wol_wakeup },
	{ "WOL-MAC", "the MAC is the card's own",
	  "A sleeping card listens for a magic packet with its own MAC. A random, cloned or "
	  "bridge's MAC "
	  "may be gone by then.",
	  DOCTOR_MACHINE, doctor_mac },
	{ "WOL-RUNTIME", "the driver does not put the card to sleep by itself",
	  "A card that its driver suspended while it has a link may have lost what it was armed "
	  "for.",
	  DOCTOR_MACHINE, doctor_runtime },
	{ "SLEEP-STATES", "the kernel can put the machine to sleep",
	  "/sys/power/state says whether, /sys/power/mem_sleep how: deep is suspend to RAM, s2idle "
	  "leaves "
	  "much of the machine running and relies on the card's driver to wake it.",
	  DOCTOR_MACHINE, doctor_sleep_states },
	{ "SLEEP-RTC", "the clock's alarm can wake it",
	  "The alarm is the safety net of the safe test, and wakes the machine for its own timers.",
	  DOCTOR_MACHINE, doctor_rtc },
	{ "SLEEP-FIRMWARE", "the firmware lets it wake",
	  "The firmware's setup has the last word: ErP and deep sleep cut the card's power. No "
	  "program can "
	  "read these settings; the safe test of rouse setup shows what they do.",
	  DOCTOR_MACHINE, doctor_firmware },
	{ "POWER-TOOLS", "no power-saving tool disarms it",
	  "TLP, powertop --auto-tune and laptop-mode-tools switch Wake-on-LAN off as a waste of "
	  "power.",
	  DOCTOR_MACHINE, doctor_tools },
	{ "POWER-NM", "NetworkManager does not disarm it",
	  "A connection with wake-on-lan = 0 disarms the card each time it comes up.",
	  DOCTOR_MACHINE, doctor_network_manager },
	{ "NET-SEGMENT", "the guard is on the same LAN",
	  "Magic packets and ARP stay within one LAN: the guard must be on it.", DOCTOR_MACHINE,
	  doctor_segment },
	{ "NET-LEASE", "the address stays the machine's",
	  "While the machine sleeps nobody renews its DHCP lease: after its end the address may go "
	  "to "
	  "somebody else.",
	  DOCTOR_MACHINE, doctor_lease },
	{ "SERVICE-DOCKER", "published ports are seen",
	  "The sleeper finds services by what listens. Ports that Docker publishes by address "
	  "translation "
	  "alone do not listen.",
	  DOCTOR_MACHINE, doctor_docker },
	{ "GUARD-REACHABLE", "the guard can be reached",
	  "Pairing, lease and goodbye go to TCP port 13717 of the guard.", DOCTOR_MACHINE,
	  doctor_reachable },
	{ "GUARD-PAIRED", "the machine is paired with a guard",
	  "The pairing proves to the guard that it is this machine that speaks.", DOCTOR_MACHINE,
	  doctor_paired },
	{ "SLEEPER-RUNNING", "rouse-sleeper runs",
	  "It arms Wake-on-LAN, says goodbye to the guard and decides when idle is idle enough.",
	  DOCTOR_MACHINE, doctor_sleeper },
	{ "GUARD-LEASE", "the guard knows that the machine is awake",
	  "The lease is renewed every minute; a machine without one is watched for silence "
	  "instead.",
	  DOCTOR_MACHINE, doctor_held },
	{ "GUARD-RUNNING", "roused runs", "Without it nobody answers for sleeping machines.",
	  DOCTOR_GUARD, doctor_guard },
	{ "LAN-INTERFACE", "the guard's interface can see the LAN",
	  "The guard hears and answers ARP there. Wi-Fi and macvlan carry one MAC only.",
	  DOCTOR_GUARD, doctor_interface },
	{ "LAN-VIRTUAL-MAC", "claims are made with a MAC of their own",
	  "Packets for a second MAC are ignored by the guard's own kernel, so that it resets "
	  "nothing.",
	  DOCTOR_GUARD, doctor_virtual_mac },
	{ "LAN-FORWARDING", "the guard's kernel stays silent",
	  "With the guard's own MAC, a kernel that forwards would redirect the clients of a "
	  "sleeping "
	  "machine, or reject them.",
	  DOCTOR_GUARD, doctor_forwarding },
	{ "GUARD-CAPABILITY", "roused may send raw frames",
	  "Magic packets and answers for sleeping machines are raw frames: CAP_NET_RAW.",
	  DOCTOR_GUARD, doctor_capability },
	{ "GUARD-PORT", "the port of registration takes connections",
	  "Machines pair and hold their leases over TCP port 13717.", DOCTOR_GUARD,
	  doctor_registration },
	{ "GUARD-CLAIMS", "the guard answers for sleeping machines",
	  "A claim ends when another host uses the address: then clients reach that host.",
	  DOCTOR_GUARD, doctor_claims },
	{ "LAN-SWITCH", "the switch delivers what is for sleeping machines",
	  "Port security and ARP inspection drop frames of a MAC that they do not know. Only "
	  "traffic shows "
	  "that the switch learned it.",
	  DOCTOR_GUARD, doctor_switch },
	{ "LAN-NEIGHBOURS", "awake machines are where they are said to be",
	  "An address at another MAC means a new card, a new lease, or two hosts with one address.",
	  DOCTOR_GUARD, doctor_neighbours },
	{ "GUARD-OTHER", "who else guards here",
	  "Two guards on one LAN are fine: the lower virtual MAC keeps the claim, the other waits.",
	  DOCTOR_GUARD, doctor_others },
	{ "RELAY-REACHABLE", "the relay is connected",
	  "From outside the home, machines are woken over the relay that the guard joined.",
	  DOCTOR_GUARD, doctor_relay },
	{ "CLOCK-SANE", "the clock is right",
	  "No key of rouse depends on it, but logs and timers that shall wake the machine do.",
	  BOTH, doctor_clock },
	{ NULL, NULL, NULL, 0, NULL },
};
