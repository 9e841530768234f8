"""Wraps a header-only library that the system has installed, so that `conan create` of cairn needs no remote:
`conan export packaging/conan/local --name=nlohmann_json --version=3.11.2`, then `--build=missing`."""
import os

from conan import ConanFile
from conan.tools.files import copy

HEADERS = {"nlohmann_json": "nlohmann/*", "cpp-httplib": "httplib.h", "cli11": "CLI/*"}
TARGETS = {"nlohmann_json": "nlohmann_json::nlohmann_json", "cpp-httplib": "httplib::httplib", "cli11": "CLI11::CLI11"}


class SystemHeaders(ConanFile):
    package_type = "header-library"
    description = "the system's own headers, for tests without a network"

    def package(self):
        copy(self, HEADERS[self.name], "/usr/include", os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_target_name", TARGETS[self.name])
        self.cpp_info.bindirs = self.cpp_info.libdirs = []
