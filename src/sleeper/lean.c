#include "sleeper/lean.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Nobody writes to code, so nothing is lost. */
static int drop_code(struct dl_phdr_info *object, size_t size, void *context)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size, (void)context;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		uintptr_t at = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);

		if (part->p_type == PT_LOAD && (part->p_flags & PF_X) && !(part->p_flags & PF_W))
			(void)madvise((void *)at, part->p_memsz, MADV_DONTNEED);
	}
	return 0;
}

void lean_now(void)
{
	(void)malloc_trim(0);
	(void)dl_iterate_phdr(drop_code, NULL);
}
