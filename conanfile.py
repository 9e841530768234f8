"""Conan 2 recipe: `conan create . -s compiler.cppstd=20` (the default profile says gnu17, which is refused)."""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"


class CairnConan(ConanFile):
    name = "cairn"
    description = "Logs a training run, and saves its model only when its author says so"
    license = "MIT"
    topics = ("machine-learning", "logging", "checkpoint", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"http": [True, False], "cli": [True, False], "png": [True, False]}
    default_options = {"http": False, "cli": False, "png": False}
    exports_sources = "include/*", "LICENSE"
    no_copy_source = True
    test_package_folder = "packaging/conan/test_package"

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include/cairn/version.hpp"))
        self.version = re.search(r'CAIRN_VERSION "(.*)"', text)[1]

    def layout(self):
        basic_layout(self)

    def requirements(self):
        self.requires("nlohmann_json/[>=3.11 <4]")
        if self.options.png:
            self.requires("libpng/[>=1.6 <2]")
        if self.options.http:
            self.requires("cpp-httplib/[>=0.11 <1]")
        if self.options.cli:
            self.requires("cli11/[>=2.1 <3]")

    def package_id(self):
        self.info.clear()  # only headers: one package for all settings

    def validate(self):
        check_min_cppstd(self, 20)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "cairn")
        self.cpp_info.set_property("cmake_target_name", "cairn::all")  # the components have the users' names
        self.cpp_info.set_property("pkg_config_name", "cairn-all")
        self._component("cairn", ["nlohmann_json::nlohmann_json"])
        if self.options.png:
            self._component("png", ["cairn", "libpng::libpng"])
        if self.options.http:
            self._component("http", ["cairn", "cpp-httplib::cpp-httplib"])
        if self.options.cli:
            self._component("cli", ["cairn", "cli11::cli11"])

    def _component(self, name, requires):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", f"cairn::{name}")
        component.set_property("pkg_config_name", "cairn" if name == "cairn" else f"cairn-{name}")
        component.bindirs = component.libdirs = []
        component.requires = requires
        if name == "cairn" and self.settings.os in ("Linux", "FreeBSD"):
            component.system_libs = ["pthread"]
