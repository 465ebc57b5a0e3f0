/* fuzz_wol: wol_find on any bytes; what it finds, wol_payload writes and wol_find finds again. */
#include "wire/wol.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[WOL_PAYLOAD + 6];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct mac mac;
	struct mac again;
	struct secureon secureon;
	struct secureon secureon_again;

	if (wol_find(data, size, &mac, &secureon) < 0)
		return 0;
	assert(size >= WOL_PAYLOAD && !mac_is_group(&mac) && !mac_is_zero(&mac));
	wol_payload(&w, &mac, &secureon);
	assert(!w.failed);
	assert(wol_find(bytes, w.used, &again, &secureon_again) == 0);
	assert(mac_equal(&mac, &again) && secureon.length == secureon_again.length);
	assert(memcmp(secureon.b, secureon_again.b, sizeof(secureon.b)) == 0);
	return 0;
}
