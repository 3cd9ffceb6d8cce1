/*
 * Starting a child that dies with its parent. uv_spawn() runs nothing between fork and exec, so the
 * child is this program again, which asks the kernel for a signal at its parent's death and then
 * becomes the real one.
 */
#pragma once

#include <sys/types.h>

/*
 * The arguments to spawn /proc/self/exe with, so that it becomes `program` with `argument`.
 * NULL-terminated; the caller frees the array, not its elements, which are static or the caller's.
 */
#define CHILD_EXEC_MARK "--jobbad-child-exec"

/*
 * main() calls this first. Returns if this process is not such a child; else it becomes
 * argv[3] with the arguments from there on: CHILD_EXEC_MARK, the parent's pid, program, arguments.
 */
void child_exec_if_asked(int argc, char **argv);
