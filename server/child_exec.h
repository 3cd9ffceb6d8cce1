/*
 * Starting a child that dies with its parent. uv_spawn() runs nothing between fork and exec, so the
 * child is this program again, which asks the kernel for a signal at its parent's death and then
 * becomes the real one.
 */
#pragma once

#include <stdbool.h>

/* Spawn /proc/self/exe with: any argv[0], this mark, the parent's pid, the program, its arguments.
 */
#define CHILD_EXEC_MARK "--jobbad-child-exec"

/* main() calls this first. Returns if this process is not such a child; else becomes the program.
 */
void child_exec_if_asked(int argc, char **argv);

/* Whether execvp() would find this program. */
bool child_exec_finds(const char *program);
