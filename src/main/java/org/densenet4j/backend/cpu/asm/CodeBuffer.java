package org.densenet4j.backend.cpu.asm;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Bytes of code that grow, and the vectors of constants behind them. */
final class CodeBuffer {
    private final int vectorBytes;
    private final ByteArrayOutputStream code = new ByteArrayOutputStream();

    /** Where the distances to each constant are written. */
    private final Map<List<Integer>, List<Integer>> constants = new LinkedHashMap<>();

    CodeBuffer(int vectorBytes) {
        this.vectorBytes = vectorBytes;
    }

    void write(int... bytes) {
        for (int b : bytes) {
            code.write(b);
        }
    }

    void int32(int value) {
        write(value, value >> 8, value >> 16, value >> 24);
    }

    int size() {
        return code.size();
    }

    /** The distance to a vector of constants, which ends the instruction. */
    void distanceToConstant(int... words) {
        List<Integer> key = Arrays.stream(words).boxed().toList();
        constants.computeIfAbsent(key, k -> new ArrayList<>()).add(size());
        int32(0);
    }

    /** What has been written, with its constants behind it on a vector's boundary. */
    byte[] bytes() {
        int end = Math.ceilDiv(code.size(), vectorBytes) * vectorBytes;
        byte[] bytes = code.toByteArray();
        if (!constants.isEmpty()) {
            bytes = Arrays.copyOf(bytes, end + constants.size() * vectorBytes);
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int at = end;
        for (Map.Entry<List<Integer>, List<Integer>> constant : constants.entrySet()) {
            for (int place : constant.getValue()) {
                buffer.putInt(place, at - (place + Integer.BYTES));
            }
            for (int i = 0; i < constant.getKey().size(); i++) {
                buffer.putInt(at + i * Integer.BYTES, constant.getKey().get(i));
            }
            at += vectorBytes;
        }
        return bytes;
    }
}
