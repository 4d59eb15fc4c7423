/* Descriptors and signals of a tool; see also pl_run_hold_signals in tool.h.
 * SPDX-License-Identifier: MIT */
#ifndef PL_CLI_SIGNALS_H
#define PL_CLI_SIGNALS_H

/* Opens /dev/null on those of the descriptors 0-2 that are closed. */
void pl_descriptors_open(void);

/* Makes SIGHUP, SIGINT, SIGTERM and SIGPIPE remove unfinished output files before they end the
 * process; interrupted calls are restarted. */
void pl_signals_catch(void);

/* Ends the process by a signal that was held back, if one was. */
void pl_signals_finish(void);

#endif
