#include "sys/qr.h"

#include <errno.h>
#include <stdbool.h>

#include <qrencode.h>

#define QUIET \
	2 /* modules around it; the standard's four are more than scanners need, and a terminal is small */

static bool dark(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return false;
	return code->data[y * code->width + x] & 1;
}

int qr_print(const char *text, FILE *to)
{
	/* Upper half, lower half: light modules are what is drawn, in white on black. */
	static const char *const halves[2][2] = { { "\xe2\x96\x88", "\xe2\x96\x80" },
						  { "\xe2\x96\x84", " " } };
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	if (!code)
		return -EINVAL;
	for (int y = -QUIET; y < code->width + QUIET; y += 2) {
		(void)fputs("\033[97;40m", to);
		for (int x = -QUIET; x < code->width + QUIET; x++)
			(void)fputs(halves[dark(code, x, y)][dark(code, x, y + 1)], to);
		(void)fputs("\033[0m\n", to);
	}
	QRcode_free(code);
	return 0;
}
