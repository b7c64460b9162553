/*
 * inih as Debian has it is built for glibc, and of what it calls musl lacks one thing: the table behind
 * isspace(3). Here it is, with the bit for blanks alone: that is all it asks (the build tries it).
 */
#ifndef __GLIBC__

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IS_BLANK 0x2000
#else
#define IS_BLANK 0x20
#endif

#define BELOW 128 /* it may be asked with a signed char */

static const unsigned short kinds[BELOW + 256] = {
	[BELOW + ' '] = IS_BLANK,  [BELOW + '\t'] = IS_BLANK, [BELOW + '\n'] = IS_BLANK,
	[BELOW + '\v'] = IS_BLANK, [BELOW + '\f'] = IS_BLANK, [BELOW + '\r'] = IS_BLANK,
};
static const unsigned short *const from_zero = kinds + BELOW;

const unsigned short *const *__ctype_b_loc(void);

const unsigned short *const *__ctype_b_loc(void)
{
	return &from_zero;
}

#endif
