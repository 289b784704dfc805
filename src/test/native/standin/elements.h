// Elements of the libraries' operands: floats, or bf16, which is the upper half of one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

enum class Element { FLOAT32, BFLOAT16 };

inline std::size_t bytesOf(Element type) {
    return type == Element::FLOAT32 ? sizeof(float) : sizeof(std::uint16_t);
}

inline float loaded(const void* values, Element type, std::size_t index) {
    if (type == Element::FLOAT32) {
        return static_cast<const float*>(values)[index];
    }
    const std::uint32_t bits = static_cast<std::uint32_t>(static_cast<const std::uint16_t*>(values)[index]) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The nearest value that can be stored, of two as near the even one.
inline void stored(void* values, Element type, std::size_t index, float value) {
    if (type == Element::FLOAT32) {
        static_cast<float*>(values)[index] = value;
        return;
    }
    std::uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = value != value ? bits | 0x400000u : bits + 0x7FFFu + (bits >> 16 & 1);
    static_cast<std::uint16_t*>(values)[index] = static_cast<std::uint16_t>(bits >> 16);
}
