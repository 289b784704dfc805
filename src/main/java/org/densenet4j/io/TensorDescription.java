package org.densenet4j.io;

import java.util.List;

/**
 * What a file says of a tensor, without its data.
 *
 * @param type of the elements
 * @param shape dimensions, row-major; empty for a scalar
 */
public record TensorDescription(ElementType type, List<Long> shape) {
    @Override
    public String toString() {
        return type + " " + shape;
    }
}
