/* Loaded into a process and its children (LD_PRELOAD): counts what they do to files below a folder,
 * in all of them together, and kills them all at one of these operations, or lets the disk be full
 * from there on.  The write where that happens has written its first half. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long *count;
static long last;
static int full;
static const char *folder;
static size_t folder_length;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void start(void) {
  const char *counter = getenv("KILL_AT_COUNTER");
  const char *number = getenv("KILL_AT");
  folder = getenv("KILL_AT_UNDER");
  if (!counter || !number || !folder) return;
  folder_length = strlen(folder);
  last = atol(number);
  full = getenv("KILL_AT_FULL") != NULL;
  int file = REAL(open)(counter, O_RDWR);
  void *memory = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  REAL(close)(file);
  if (memory != MAP_FAILED) count = memory;
}

static int is_below(const char *path) {
  return !strncmp(path, folder, folder_length) &&
         (!path[folder_length] || path[folder_length] == '/');
}

static int named(int directory, const char *path) {
  char link[64], whole[2 * PATH_MAX + 2];
  if (!count || !path) return 0;
  if (path[0] == '/') return is_below(path);
  if (directory == AT_FDCWD) strcpy(link, "/proc/self/cwd");
  else snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
  ssize_t length = readlink(link, whole, PATH_MAX);
  if (length < 0) return 0;
  whole[length] = '/';
  strncpy(whole + length + 1, path, PATH_MAX);
  return is_below(whole);
}

static int opened(int file) {
  char link[64], path[PATH_MAX + 1];
  if (!count || file < 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, PATH_MAX);
  if (length < 0) return 0;
  path[length] = 0;
  return is_below(path);
}

static void end(void) {
  kill(0, SIGKILL);
  for (;;) pause();
}

/* Counts; whether the operation is the one to stop at, or behind it on a full disk. */
enum { GO_ON, STOP, IS_FULL };
static int next(int concerned) {
  if (!concerned) return GO_ON;
  long number = atomic_fetch_add(count, 1) + 1;
  return number == last ? STOP : full && last && number > last ? IS_FULL : GO_ON;
}

static int no_room(void) {
  errno = ENOSPC;
  return -1;
}

/* An operation that takes no room. */
static void operation(int concerned) {
  if (next(concerned) == STOP && !full) end();
}

/* Whether an operation that takes room can't be done. */
static int fails(int concerned) {
  int now = next(concerned);
  if (now == STOP && !full) end();
  return now != GO_ON && no_room();
}

/* Returns from a writing function: `half` writes the first half. */
#define WRITING(concerned, half, none)                                               \
  do {                                                                               \
    int now = next(concerned);                                                       \
    if (now == GO_ON) break;                                                         \
    ssize_t written = now == STOP ? (ssize_t)(half) : 0;                             \
    if (!full) end();                                                                \
    no_room();                                                                       \
    return written > 0 ? written : (none);                                           \
  } while (0)

#define OPEN(name)                                                                   \
  int name(const char *path, int flags, ...) {                                       \
    va_list more;                                                                    \
    va_start(more, flags);                                                           \
    mode_t mode = va_arg(more, mode_t);                                              \
    va_end(more);                                                                    \
    if (fails((flags & (O_CREAT | O_TRUNC)) && named(AT_FDCWD, path))) return -1;    \
    return REAL(name)(path, flags, mode);                                            \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                 \
  int name(int directory, const char *path, int flags, ...) {                        \
    va_list more;                                                                    \
    va_start(more, flags);                                                           \
    mode_t mode = va_arg(more, mode_t);                                              \
    va_end(more);                                                                    \
    if (fails((flags & (O_CREAT | O_TRUNC)) && named(directory, path))) return -1;   \
    return REAL(name)(directory, path, flags, mode);                                 \
  }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                  \
  FILE *name(const char *path, const char *mode) {                                   \
    if (fails(mode[0] != 'r' && named(AT_FDCWD, path))) return NULL;                 \
    return REAL(name)(path, mode);                                                   \
  }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int file, const void *data, size_t size) {
  WRITING(opened(file), REAL(write)(file, data, size / 2), -1);
  return REAL(write)(file, data, size);
}

#define PWRITE(name, offset_type)                                                    \
  ssize_t name(int file, const void *data, size_t size, offset_type offset) {        \
    WRITING(opened(file), REAL(name)(file, data, size / 2, offset), -1);             \
    return REAL(name)(file, data, size, offset);                                     \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int file, const struct iovec *parts, int number) {
  WRITING(opened(file), REAL(writev)(file, parts, number / 2), -1);
  return REAL(writev)(file, parts, number);
}

static size_t half(const void *data, size_t size, size_t number, FILE *file) {
  size_t written = REAL(fwrite)(data, size, number / 2, file);
  REAL(fflush)(file);
  return written;
}

#define FWRITE(name)                                                                 \
  size_t name(const void *data, size_t size, size_t number, FILE *file) {            \
    WRITING(count && opened(fileno(file)), half(data, size, number, file), 0);       \
    return REAL(name)(data, size, number, file);                                     \
  }
FWRITE(fwrite)
FWRITE(fwrite_unlocked)

int fflush(FILE *file) {
  if (fails(count && file && opened(fileno(file)))) return EOF;
  return REAL(fflush)(file);
}

int fclose(FILE *file) {
  int number = fileno(file), failed = 0;
  if (count && opened(number) && (fcntl(number, F_GETFL) & O_ACCMODE)) failed = fails(1);
  int closed = REAL(fclose)(file);
  return failed ? no_room() : closed;
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
  if (fails(opened(to))) return -1;
  return REAL(sendfile)(to, from, offset, size);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
  if (fails(opened(to))) return -1;
  return REAL(sendfile64)(to, from, offset, size);
}

ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *offset, size_t size,
                        unsigned flags) {
  if (fails(opened(to))) return -1;
  return REAL(copy_file_range)(from, start, to, offset, size, flags);
}

#define OF_FILE(name, parameters, arguments)                                         \
  int name parameters {                                                              \
    if (fails(opened(file))) return -1;                                              \
    return REAL(name) arguments;                                                     \
  }
OF_FILE(fsync, (int file), (file))
OF_FILE(fdatasync, (int file), (file))
OF_FILE(ftruncate, (int file, off_t size), (file, size))
OF_FILE(ftruncate64, (int file, off64_t size), (file, size))

#define OF_PATH(name, parameters, arguments)                                         \
  int name parameters {                                                              \
    operation(named(AT_FDCWD, path));                                                \
    return REAL(name) arguments;                                                     \
  }
#define NEW_PATH(name, parameters, arguments)                                        \
  int name parameters {                                                              \
    if (fails(named(AT_FDCWD, path))) return -1;                                     \
    return REAL(name) arguments;                                                     \
  }
OF_PATH(rename, (const char *old, const char *path), (old, path))
OF_PATH(unlink, (const char *path), (path))
OF_PATH(remove, (const char *path), (path))
OF_PATH(rmdir, (const char *path), (path))
NEW_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
NEW_PATH(truncate, (const char *path, off_t size), (path, size))
NEW_PATH(link, (const char *old, const char *path), (old, path))
NEW_PATH(symlink, (const char *old, const char *path), (old, path))

int renameat(int from, const char *old, int to, const char *path) {
  operation(named(to, path));
  return REAL(renameat)(from, old, to, path);
}

int renameat2(int from, const char *old, int to, const char *path, unsigned flags) {
  operation(named(to, path));
  return REAL(renameat2)(from, old, to, path, flags);
}

int unlinkat(int directory, const char *path, int flags) {
  operation(named(directory, path));
  return REAL(unlinkat)(directory, path, flags);
}

int mkdirat(int directory, const char *path, mode_t mode) {
  if (fails(named(directory, path))) return -1;
  return REAL(mkdirat)(directory, path, mode);
}
