package org.densenet4j.contract;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

/**
 * Winograd's convolutions on images that end inside a tile or are a single one, and on channels
 * that end inside a vector; {@link CpuDirectContractTest} has the direct ones.
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
        int most = a.random.nextInt(3) == 0 ? 4 : 13;
        return new ConvolutionShape(
                1 + a.random.nextInt(most == 4 ? 9 : 2),
                1 + a.random.nextInt(most),
                1 + a.random.nextInt(most),
                channels(a),
                channels(a),
                3,
                1,
                1,
                storage());
    }

    private static int channels(GuardedArena a) {
        return a.random.nextInt(6) == 0 ? 1 + a.random.nextInt(3) : a.channels();
    }
}
