/* Child processes of a test: they die with it, whatever happens to it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0: not running */
    int out;   /* its stdout, -1: not ours */
};

/* `argv` ends with NULL. stderr goes to the file `err_path`, or where ours goes if that is NULL. */
void process_start(struct process *process, const char *const *argv, const char *err_path);

/* The next line of its stdout without the newline; false at its end, or after `ms`. */
bool process_read_line(struct process *process, char *line, size_t size, int ms);

/* Waits up to `ms` for its end; the exit code, 128 + the signal's number, or -1. */
int process_wait(struct process *process, int ms);

/* Sends a signal, and for SIGKILL reaps it. Nothing if it is not running. */
void process_kill(struct process *process, int signal);

/* SIGTERM, patience, SIGKILL. */
void process_stop(struct process *process);
