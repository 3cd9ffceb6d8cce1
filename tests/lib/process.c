#include "tests/lib/process.h"

#include "tests/lib/until.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *const *argv, int out, const char *err_path)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    if (err_path) {
        int fd = open(err_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, STDERR_FILENO);
    }
    close_range(STDERR_FILENO + 1, ~0U, 0); /* else a connection of ours would outlive its close */
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

void process_start(struct process *process, const char *const *argv, const char *err_path)
{
    int out[2];

    if (pipe2(out, O_CLOEXEC) != 0)
        abort();
    process->pid = fork();
    if (process->pid == 0)
        become(argv, out[1], err_path);
    close(out[1]);
    process->out = out[0];
}

bool process_read_line(struct process *process, char *line, size_t size, int ms)
{
    uint64_t end = now_ms() + (uint64_t)ms;
    size_t len = 0;

    while (len < size - 1) {
        struct pollfd fd = { .fd = process->out, .events = POLLIN };
        int left = (int)(end - now_ms());
        if (left <= 0 || poll(&fd, 1, left) != 1 || read(process->out, line + len, 1) != 1)
            return false;
        if (line[len] == '\n')
            break;
        len++;
    }
    line[len] = '\0';
    return true;
}

static void forget(struct process *process)
{
    if (process->out >= 0)
        close(process->out);
    process->out = -1;
    process->pid = 0;
}

int process_wait(struct process *process, int ms)
{
    int status;

    for (uint64_t end = now_ms() + (uint64_t)ms; now_ms() < end; pause_ms(2)) {
        if (waitpid(process->pid, &status, WNOHANG) != process->pid)
            continue;
        forget(process);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return -1;
}

void process_kill(struct process *process, int signal)
{
    if (!process->pid)
        return;
    kill(process->pid, signal);
    if (signal == SIGKILL) {
        waitpid(process->pid, NULL, 0);
        forget(process);
    }
}

void process_stop(struct process *process)
{
    if (!process->pid)
        return;
    process_kill(process, SIGTERM);
    process_kill(process, SIGCONT); /* it may be stopped */
    if (process_wait(process, 10000) < 0)
        process_kill(process, SIGKILL);
}
