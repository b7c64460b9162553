/* News of files, without looking at them again and again. */
#ifndef SG_OS_INOTIFY_H
#define SG_OS_INOTIFY_H

enum os_news {
	OS_NEWS_WRITTEN = 1 << 0, /* a file: written or cut */
	OS_NEWS_GONE = 1 << 1,    /* a file: removed or renamed, or its mode changed */
	OS_NEWS_NAMES = 1 << 2,   /* a directory: a name came, went or changed */
	OS_NEWS_ONCE = 1 << 3,    /* one piece of news, then none */
	OS_NEWS_CLOSED = 1 << 4,  /* a file that was open for writing: by the last who had it so; a moment
				     later its lock is free */
};

/* Owned descriptor, readable when there is news; -errno. */
int os_inotify_open(void);
/* News of the file behind `fd`: os_news bits. 0, -errno. */
int os_inotify_add(int inotify, int fd, int news);
/* Forget what has come so far. */
void os_inotify_drain(int inotify);

#endif
