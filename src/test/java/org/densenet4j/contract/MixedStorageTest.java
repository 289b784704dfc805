package org.densenet4j.contract;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The kernels' copies for the storage types take turns in one arena, often enough to be compiled:
 * neither takes the other's memory for its own. Tolerances as in {@link KernelsContract}.
 */
class MixedStorageTest {
    private static final int CASES = 400;

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void kernelsOfBothTypesTakeTurns(boolean vectorApi) {
        DeviceOptions options = new DeviceOptions(2, true, vectorApi);
        try (Device device = Device.open("cpu", options)) {
            assumeTrue(
                    device.supports(DataType.BFLOAT16), () -> "no bf16 on " + device.description());
            for (int seed = 1; seed <= CASES; seed++) {
                try (GuardedArena a = new GuardedArena(device, DataType.BFLOAT16, seed)) {
                    check(a);
                }
            }
        }
    }

    private static void check(GuardedArena a) {
        int rows = a.rows();
        Matrix affine = a.affine(a.channels());
        int channels = affine.columns();
        Matrix floats = a.normal(rows, channels);
        Matrix halves = a.activations(rows, channels);
        Matrix ofFloats = a.output(rows, channels);
        Matrix ofHalves = a.activationOutput(rows, channels);
        Matrix denseFloats = a.values(a.denseOutput(rows, channels), g -> g);
        Matrix denseHalves = a.values(a.denseActivationOutput(rows, channels), g -> g);
        Matrix appendedFloats = a.output(rows, channels);
        Matrix appendedHalves = a.activationOutput(rows, channels);
        Matrix partials = a.output(4, channels);
        a.anything(partials);
        a.upload();
        for (int turn = 0; turn < 4; turn++) {
            a.kernels().normaliseRelu(floats, affine, ofFloats);
            a.kernels().normaliseRelu(halves, affine, ofHalves);
            a.kernels()
                    .appendFeatures(
                            denseHalves, appendedHalves, 0, Dropout.NONE, partials.rows(0, 2));
            a.kernels()
                    .appendFeatures(
                            denseFloats, appendedFloats, 0, Dropout.NONE, partials.rows(2, 2));
        }
        a.expect(ofFloats, 1e-6, (r, c, t) -> a.addRelu(t, 1, floats, r, c, affine));
        a.expect(ofHalves, 1e-6, (r, c, t) -> a.addRelu(t, 1, halves, r, c, affine));
        a.expect(appendedFloats, 0, (r, c, t) -> t.add(a.value(denseFloats, r, c)));
        a.expect(appendedHalves, 0, (r, c, t) -> t.add(a.value(denseHalves, r, c)));
        a.check();
    }
}
