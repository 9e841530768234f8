// SPDX-License-Identifier: MIT
#pragma once
// The one seam between the library and the operating system: files, folders, locks, mappings, processes,
// threads. Names no POSIX type, so that another system needs only its own detail/os_*.hpp; detail/os_sys*.hpp
// hold every system call. Costs <filesystem>, for its paths.

#include <cairn/store/detail/os_crash.hpp>        // IWYU pragma: export
#include <cairn/store/detail/os_error.hpp>        // IWYU pragma: export
#include <cairn/store/detail/os_file.hpp>         // IWYU pragma: export
#include <cairn/store/detail/os_folder.hpp>       // IWYU pragma: export
#include <cairn/store/detail/os_library.hpp>      // IWYU pragma: export
#include <cairn/store/detail/os_lock.hpp>         // IWYU pragma: export
#include <cairn/store/detail/os_mapping.hpp>      // IWYU pragma: export
#include <cairn/store/detail/os_process.hpp>      // IWYU pragma: export
#include <cairn/store/detail/os_signal.hpp>       // IWYU pragma: export
#include <cairn/store/detail/os_thread.hpp>       // IWYU pragma: export
#include <cairn/store/detail/os_thread_data.hpp>  // IWYU pragma: export
#include <cairn/store/detail/os_usage.hpp>        // IWYU pragma: export
