// SPDX-License-Identifier: Apache-2.0

#ifndef CFUZZER_H
#define CFUZZER_H

#include <stddef.h>
#include <stdint.h>

/// libFuzzer's loop: runs `one` over the corpus and what it makes of it, as the arguments say; returns the exit status.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));

/// Makes every access to a region an error that the address sanitizer reports.
void fuzzer_forbid(const void *start, size_t size);

/// Takes that back.
void fuzzer_allow(const void *start, size_t size);

#endif
