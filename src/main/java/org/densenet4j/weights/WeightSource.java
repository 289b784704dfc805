package org.densenet4j.weights;

import java.io.IOException;

/** Parameters and running statistics by torchvision's names, in the PyTorch layout. */
@FunctionalInterface
public interface WeightSource {
    /**
     * {@return the values of a tensor}
     *
     * @param name as torchvision names it
     * @throws IOException when they cannot be read
     */
    float[] values(String name) throws IOException;
}
