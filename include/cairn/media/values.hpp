// SPDX-License-Identifier: MIT
#pragma once
// The rich values that need no library; `Image` (media/image.hpp) needs libpng.

#include <cairn/media/audio.hpp>
#include <cairn/media/blob.hpp>
#include <cairn/media/field.hpp>
#include <cairn/media/histogram.hpp>
#include <cairn/media/image_file.hpp>
#include <cairn/media/scores.hpp>
#include <cairn/media/table.hpp>
#include <cairn/media/text.hpp>
