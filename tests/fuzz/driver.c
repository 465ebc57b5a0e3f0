/*
 * driver: runs a fuzz harness over files, without libFuzzer.
 *
 * Owns: reading the files of the folders (or single files) named on the command line, each into
 * a heap block of exactly its size, so that a sanitizer sees a read one byte behind it.
 * Refuses to know: what the harness decodes. A harness fails by abort, assert or sanitizer.
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every truncation of a file this short is run too: lengths are where decoders break. */
#define TRUNCATE_UP_TO 512

static void run_bytes(const uint8_t *bytes, size_t size)
{
	uint8_t *exact = malloc(size > 0 ? size : 1);

	if (exact == NULL)
		abort();
	if (size > 0)
		memcpy(exact, bytes, size);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static int run_file(const char *path, off_t length)
{
	size_t size = (size_t)length;
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	FILE *file = fopen(path, "rb");
	int error = 0;

	if (bytes == NULL || file == NULL || fread(bytes, 1, size, file) != size)
		error = -EIO;
	if (file != NULL)
		fclose(file);
	if (error == 0) {
		run_bytes(bytes, size);
		for (size_t cut = 0; size <= TRUNCATE_UP_TO && cut < size; cut++)
			run_bytes(bytes, cut);
	}
	free(bytes);
	return error;
}

/* Runs @path, or every file in it; returns how many ran, or a negative errno. */
static int run_path(const char *path)
{
	struct dirent *entry;
	struct stat st;
	char child[4096];
	DIR *folder;
	int count = 0;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return run_file(path, st.st_size) < 0 ? -EIO : 1;
	folder = opendir(path);
	if (folder == NULL)
		return -errno;
	while (count >= 0 && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		if (stat(child, &st) < 0 || !S_ISREG(st.st_mode) || run_file(child, st.st_size) < 0)
			count = -EIO;
		else
			count++;
	}
	closedir(folder);
	return count;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int count = run_path(argv[i]);

		if (count < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(-count));
			return 1;
		}
		total += count;
	}
	printf("%d files\n", total);
	/* An empty corpus is a test that cannot fail. */
	return total > 0 ? 0 : 1;
}
