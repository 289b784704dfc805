package org.densenet4j.backend.cuda;

import java.util.Arrays;
import java.util.List;

/**
 * The argument of the kernel {@code small_operations}: several operations in one launch.
 *
 * @param words as that kernel reads them
 * @param operations of the launch, in the order in which they were asked for
 */
record SmallOperationList(long[] words, List<SmallOperation> operations) {
    /** {@code SMALL_OPERATIONS_WORDS} of {@code cuda-kernels/small_operations.cu}. */
    static final int WORDS = 256;

    SmallOperationList {
        words = Arrays.copyOf(words, WORDS);
        operations = List.copyOf(operations);
    }

    @Override
    public String toString() {
        return String.join(", ", operations.stream().map(SmallOperation::label).toList());
    }
}
