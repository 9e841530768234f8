#!/bin/sh
# Runs a Windows program. Wine needs an address that a random layout has taken about once in a thousand starts
# ("failed to map the shared user data: c0000018"); then no program begins. So the layout is a fixed one, where that is allowed.
if setarch -R true 2>/dev/null; then exec setarch -R wine "$@"; fi
exec wine "$@"
