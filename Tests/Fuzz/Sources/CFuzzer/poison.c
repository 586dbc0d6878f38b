// SPDX-License-Identifier: Apache-2.0

#include "CFuzzer.h"

void __asan_poison_memory_region(void const volatile *start, size_t size);
void __asan_unpoison_memory_region(void const volatile *start, size_t size);

void fuzzer_forbid(const void *start, size_t size) { __asan_poison_memory_region(start, size); }

void fuzzer_allow(const void *start, size_t size) { __asan_unpoison_memory_region(start, size); }
