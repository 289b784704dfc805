package org.densenet4j.contract;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/**
 * Winograd's convolutions on images that end inside a tile or are a single one, on more tiles than
 * are transformed at a time, and on channels that end inside a vector; {@link
 * CpuDirectContractTest} has the direct ones.
 */
class WinogradContractTest extends ConvolutionContract {
    @Override
    Device open(DeviceOptions options) {
        return Device.open("cpu", options.withVectorApi(true).withWinograd(true));
    }

    @Override
    boolean sharesRounding() {
        return true;
    }

    @Override
    ConvolutionShape shape(GuardedArena a) {
        int kind = a.random.nextInt(6);
        int most = kind < 2 ? 4 : 13;
        int images = 1 + a.random.nextInt(kind < 2 ? 9 : 2);
        int height = 1 + a.random.nextInt(most);
        int width = 1 + a.random.nextInt(most);
        if (kind == 5) { // more tiles than one group has, the last group a short one
            images = 3;
            height = 11 + a.random.nextInt(6);
            width = 29 + a.random.nextInt(12);
        }
        return new ConvolutionShape(
                images, height, width, channels(a), channels(a), 3, 1, 1, storage());
    }

    private static int channels(GuardedArena a) {
        return a.random.nextInt(6) == 0 ? 1 + a.random.nextInt(3) : a.channels();
    }
}
