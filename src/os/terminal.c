#include "os/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_USUAL 80

size_t os_terminal_columns(int fd)
{
	struct winsize size;

	if (!isatty(fd))
		return 0;
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_USUAL;
}

bool os_locale_is_utf8(void)
{
	return setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int os_char_columns(const char *at, size_t n, size_t *out_bytes)
{
	mbstate_t state = { 0 };
	wchar_t wide;

	size_t bytes = mbrtowc(&wide, at, n, &state);
	if (bytes == 0 || bytes > n) { /* NUL; no character, or half of one */
		*out_bytes = 1;
		return -1;
	}
	*out_bytes = bytes;
	/* The C locale takes bytes above 127 for characters of its own. */
	return (unsigned char)at[0] >= 0x80 && bytes == 1 ? -1 : wcwidth(wide);
}
