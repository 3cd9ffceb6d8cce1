#include "server/child_exec.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* libuv starts children with all signals at their default, but for the mask of the thread that
 * spawns. */
static void reset_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

bool child_exec_finds(const char *program)
{
    const char *at = getenv("PATH");
    char path[PATH_MAX];

    if (strchr(program, '/'))
        return access(program, X_OK) == 0;
    for (size_t len; at && *at; at += len + (at[len] == ':')) {
        len = strcspn(at, ":");
        snprintf(path, sizeof path, "%.*s/%s", (int)len, at, program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

void child_exec_if_asked(int argc, char **argv)
{
    if (argc < 4 || strcmp(argv[1], CHILD_EXEC_MARK) != 0)
        return;
    reset_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        exit(126);
    if (getppid() != (pid_t)strtol(argv[2], NULL, 10))
        exit(0); /* the parent died before we asked */
    execvp(argv[3], argv + 3);
    printf("# can't run %s: %s\n", argv[3], strerror(errno));
    fflush(stdout);
    exit(127);
}
