package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DeviceException;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What of cuDNN works without a GPU: its descriptors, where cuDNN is installed. */
class ConvolutionDescriptorsTest {
    @BeforeEach
    void loadCudnn() {
        CudaLibraries libraries = CudaLibraries.find();
        Assumptions.assumeTrue(
                libraries.path(CudaLibrary.CUDNN).isPresent(), "no cuDNN on this machine");
        libraries.load(CudaLibrary.CUDNN);
    }

    @Test
    void everyConvolutionOfTheModelsCanBeDescribed() {
        for (boolean tensorFloat32 : new boolean[] {true, false}) {
            new ConvolutionDescriptors(
                            new ConvolutionShape(8, 32, 32, 48, 12, 3, 1, 1), tensorFloat32)
                    .close();
            new ConvolutionDescriptors(
                            new ConvolutionShape(2, 224, 224, 3, 64, 7, 2, 3), tensorFloat32)
                    .close();
        }
        assertTrue(Cudnn.version().startsWith("9."), Cudnn.version());
    }

    @Test
    void aRefusalNamesTheConvolutionAndCudnnsOwnMessage() {
        ConvolutionShape negative = new ConvolutionShape(1, 8, 8, -1, 4, 3, 1, 1);
        DeviceException e =
                assertThrows(
                        DeviceException.class, () -> new ConvolutionDescriptors(negative, false));
        assertTrue(e.getMessage().contains(negative.toString()), e.getMessage());
        assertTrue(e.getMessage().contains("CUDNN_STATUS_BAD_PARAM"), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }
}
