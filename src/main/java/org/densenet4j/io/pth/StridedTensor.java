package org.densenet4j.io.pth;

import java.util.List;

/**
 * A view of a storage, as a pickle describes it; checked to lie inside the storage.
 *
 * @param storage memory that it views
 * @param offset first element
 * @param shape dimensions
 * @param strides elements from one index to the next, for each dimension
 * @param negative whether the elements are those of the storage with the other sign
 */
record StridedTensor(
        Storage storage, long offset, List<Long> shape, List<Long> strides, boolean negative) {
    /** What a view that repeats elements may take: a file could claim tensors without limit. */
    private static final long MOST_REPEATED_BYTES = 64 << 20;

    /**
     * Checks a view. Elements may be repeated, as {@code expand} does.
     *
     * @return a {@link Placeholder} when it leaves its storage or would repeat far too much of it
     */
    static Object of(Storage storage, long offset, List<Long> shape, List<Long> strides) {
        String what = "a tensor of shape " + shape + " with strides " + strides;
        if (shape.size() != strides.size() || offset < 0) {
            return new Placeholder(what + ", which makes no sense");
        }
        long count = 1;
        long last = offset;
        try {
            for (int d = 0; d < shape.size(); d++) {
                long size = shape.get(d);
                long stride = strides.get(d);
                if (size < 0 || stride < 0) {
                    return new Placeholder(what + ", which makes no sense");
                }
                count = Math.multiplyExact(count, size);
                last = Math.addExact(last, Math.multiplyExact(Math.max(0, size - 1), stride));
            }
        } catch (ArithmeticException e) {
            return new Placeholder(what + ", which is impossibly large");
        }
        String held = " its storage of " + storage.count() + " elements";
        if (count > 0 && last >= storage.count()) {
            return new Placeholder(what + ", which does not fit" + held);
        }
        if (count > storage.count() && count > MOST_REPEATED_BYTES / storage.type().bytes()) {
            return new Placeholder(what + ", which repeats too much of" + held);
        }
        return new StridedTensor(storage, offset, List.copyOf(shape), List.copyOf(strides), false);
    }

    /** The same elements with the other sign; they are floating-point numbers. */
    StridedTensor negated() {
        return new StridedTensor(storage, offset, shape, strides, !negative);
    }

    long count() {
        return shape.stream().mapToLong(Long::longValue).reduce(1, (a, b) -> a * b);
    }

    /** Whether the elements lie in the storage as they are wanted. */
    boolean isPlain() {
        return !negative && isContiguous();
    }

    private boolean isContiguous() {
        long expected = 1;
        for (int d = shape.size() - 1; d >= 0; d--) {
            if (shape.get(d) != 1 && strides.get(d) != expected) {
                return false;
            }
            expected *= shape.get(d);
        }
        return true;
    }

    /** The elements in row-major order, as bytes. */
    byte[] gather(byte[] source) {
        int element = storage.type().bytes();
        int total = Math.toIntExact(count());
        byte[] result = new byte[Math.multiplyExact(total, element)];
        int dimensions = shape.size();
        long[] index = new long[dimensions];
        long at = offset;
        for (int i = 0; i < total; i++) {
            System.arraycopy(source, Math.toIntExact(at * element), result, i * element, element);
            for (int d = dimensions - 1; d >= 0; d--) {
                at += strides.get(d);
                if (++index[d] < shape.get(d)) {
                    break;
                }
                at -= index[d] * strides.get(d);
                index[d] = 0;
            }
        }
        for (int last = element - 1; negative && last < result.length; last += element) {
            result[last] ^= (byte) 0x80; // the sign of a little-endian number
        }
        return result;
    }
}
