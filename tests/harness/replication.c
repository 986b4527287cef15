/* Preloaded into redis-server, leads its connections to the port in the first column of a line of the file
 * REPLICATION_LINKS to the port in the second, both of 127.0.0.1.
 *
 * Nothing is allocated. Without headers, so that tcc alone can compile it.
 */
struct address { unsigned short family, port; unsigned char host[4], zero[8]; };  /* sockaddr_in */

extern long syscall(long number, ...);
extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
extern long read(int file, void *to, unsigned long bytes);
extern int close(int file);

#ifdef __aarch64__
#define CONNECT 203
#else
#define CONNECT 42
#endif
#define INET 2
#define CLOSE_ON_EXEC 02000000

static unsigned short swapped(long port)
{
    return (unsigned short)((port & 255) << 8 | (port >> 8 & 255));
}

static long diverted(long port)
{
    char text[4096];
    const char *path = getenv("REPLICATION_LINKS");
    long numbers[2] = {0, 0}, count, i;
    int file = path ? open(path, CLOSE_ON_EXEC) : -1, column = 0;

    if (file < 0)
        return port;
    count = read(file, text, sizeof text);
    close(file);
    for (i = 0; i < count; i++) {
        if (text[i] == '\n') {
            if (numbers[0] == port)
                return numbers[1];
            numbers[0] = numbers[1] = column = 0;
        } else if (text[i] == ' ') {
            column = 1;
        } else {
            numbers[column] = 10 * numbers[column] + (text[i] - '0');
        }
    }
    return port;
}

int connect(int socket, const struct address *to, unsigned int bytes)
{
    struct address other;

    if (bytes >= sizeof other && to->family == INET) {
        other = *to;
        other.port = swapped(diverted(swapped(to->port)));
        to = &other;
    }
    return syscall(CONNECT, socket, to, bytes);
}
