// SPDX-License-Identifier: MIT
// cairn.hpp for programs of several files: what depends on no type of theirs is only declared here, and
// compiled in the one file that includes cairn/engine.hpp; what records a run is not even looked at. (No
// #pragma once: that includes this a second time.)

#include <cairn/cairn.hpp>

#if !defined(CAIRN_EXTERN) && !defined(CAIRN_ENGINE_IS_HERE)
#define CAIRN_EXTERN extern
#endif
#if defined(CAIRN_EXTERN)  // what was made is not declared again

CAIRN_EXTERN template cairn::Run cairn::init<cairn::Enabled>(cairn::Options);
CAIRN_EXTERN template class cairn::BasicRun<>;
CAIRN_EXTERN template class cairn::BasicSaveResult<>;
CAIRN_EXTERN template class cairn::result<cairn::Version>;
CAIRN_EXTERN template class cairn::detail::BasicCheckpointCore<>;
CAIRN_EXTERN template class cairn::detail::BasicDecisionLog<>;
CAIRN_EXTERN template std::string cairn::detail::error_line(cairn::errc, std::string_view, std::string_view,
                                                            std::string_view);
CAIRN_EXTERN template cairn::result<void> cairn::detail::check_part_names(std::string_view*,
                                                                          std::string_view*);
CAIRN_EXTERN template class cairn::BasicShape<>;
CAIRN_EXTERN template void cairn::Fields::add_bytes(std::string_view, cairn::Dtype, const void*, bool,
                                                    std::uint64_t, const cairn::Shape&);
CAIRN_EXTERN template cairn::result<cairn::detail::Description>
    cairn::detail::description_by(cairn::detail::FunctionRef<void(cairn::Fields&)>);
CAIRN_EXTERN template cairn::result<void>
    cairn::detail::emit_tensors(std::string_view, cairn::detail::FunctionRef<void(cairn::Fields&)>,
                                cairn::detail::Emit);
CAIRN_EXTERN template cairn::result<void>
    cairn::detail::emit_json(std::string_view, cairn::detail::FunctionRef<nlohmann::json()>,
                             cairn::detail::Emit);
CAIRN_EXTERN template cairn::result<void> cairn::detail::emit_stream(
    std::string_view, cairn::detail::FunctionRef<cairn::result<void>(std::ostream&)>, cairn::detail::Emit);
CAIRN_EXTERN template cairn::result<cairn::detail::TensorLoad<>>
    cairn::detail::stage_tensors(std::string_view, cairn::detail::FunctionRef<void(cairn::Fields&)>,
                                 cairn::detail::FindFile);
CAIRN_EXTERN template cairn::result<void> cairn::detail::decode_all(cairn::detail::StagedPart* const*,
                                                                    cairn::detail::StagedPart* const*,
                                                                    cairn::detail::FindFile);
CAIRN_EXTERN template class cairn::detail::TensorLoad<>;
CAIRN_EXTERN template class cairn::result<cairn::detail::TensorLoad<>>;
CAIRN_EXTERN template cairn::result<void> cairn::detail::check_tensors(const std::vector<cairn::TensorView>&);
CAIRN_EXTERN template cairn::result<void>
cairn::detail::write_safetensors(std::span<const cairn::TensorView>, const cairn::safetensors::Metadata&,
                                 cairn::detail::FunctionRef<cairn::result<void>(std::span<const std::byte>)>);
CAIRN_EXTERN template cairn::result<cairn::safetensors::File>
    cairn::safetensors::parse(std::span<const std::byte>);
CAIRN_EXTERN template class cairn::detail::RetentionHolder<cairn::KeepAll>;
CAIRN_EXTERN template class cairn::detail::SinkHolder<cairn::LocalStore>;
CAIRN_EXTERN template class cairn::detail::Few<char, 64>;
CAIRN_EXTERN template class cairn::detail::Few<cairn::DynamicRow::Cell, 4>;
CAIRN_EXTERN template class std::vector<cairn::Version>;
CAIRN_EXTERN template class std::vector<cairn::Because>;
CAIRN_EXTERN template class std::vector<cairn::Decision>;
CAIRN_EXTERN template class std::vector<cairn::NamedValue>;
CAIRN_EXTERN template class std::vector<cairn::TensorView>;

#undef CAIRN_EXTERN
#endif
