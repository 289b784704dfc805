package org.densenet4j.contract;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cpu.asm.TileSupport;

/**
 * Convolutions as sums of products of tiles: images of several sizes, many in a group and cut into
 * bands, strides that leave phases without a tap, channels that fill tiles and that do not.
 */
class TiledConvolutionContractTest extends ConvolutionContract {
    private static final int LEAST = 16;

    @Override
    Device open(DeviceOptions options) {
        assumeTrue(TileSupport.here(), "no tiles (AMX) here");
        return Device.open("cpu", options);
    }

    @Override
    DataType storage() {
        return DataType.BFLOAT16;
    }

    @Override
    ConvolutionShape shape(GuardedArena a) {
        int[][] kernels = {
            {3, 1, 1}, {3, 1, 1}, {3, 2, 1}, {3, 2, 0}, {5, 1, 2}, {5, 3, 1}, {4, 4, 0}, {1, 2, 0},
            {1, 1, 0}, {2, 2, 0}, {3, 1, 0}, {7, 2, 3}
        };
        int[] kernel = kernels[a.random.nextInt(kernels.length)];
        int least = Math.max(1, kernel[0] - 2 * kernel[2]);
        int images = 1 + a.random.nextInt(5);
        int height = least + a.random.nextInt(12);
        int width = least + a.random.nextInt(12);
        boolean large = a.random.nextInt(6) == 0;
        if (large && kernel[0] <= 3) { // several bands of an image
            images = 1;
            height = 50 + a.random.nextInt(20);
            width = 150 + a.random.nextInt(20);
        }
        return new ConvolutionShape(
                images,
                height,
                width,
                large ? LEAST : channels(a),
                large ? LEAST + 1 : channels(a),
                kernel[0],
                kernel[1],
                kernel[2],
                storage());
    }

    private static int channels(GuardedArena a) {
        return LEAST + (a.random.nextBoolean() ? 16 * a.random.nextInt(4) : a.random.nextInt(60));
    }
}
