/*
 * qr: a QR code for a terminal, two rows of modules in one line of text (half blocks); the door to libqrencode.
 */
#ifndef ROUSE_SYS_QR_H
#define ROUSE_SYS_QR_H

#include <stdio.h>

/* Dark on light whatever the terminal's colours are, with the quiet zone. -EINVAL: too long. */
int qr_print(const char *text, FILE *to);

#endif
