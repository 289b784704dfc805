package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.engine.Mode;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.ParityCase;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.RdNetSpec;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** What PyTorch computed of a small RDNet in double precision is what the reference does. */
class RdNetParityTest {
    private static final Path RECORD =
            Path.of("src/test/resources/golden/networks/rdnet-small.safetensors");

    /** Records of gradients are in single precision. */
    private static final double ROUNDING = 1e-6;

    @Test
    void theReferenceIsPyTorchs() throws IOException {
        try (ParityCase parity = ParityCase.open(RECORD)) {
            RdNetSpec spec = (RdNetSpec) ParityCheck.spec(parity);
            Map<String, double[]> weights = CaseTensors.of(parity, spec).weights();
            CaseBatch batch = CaseBatch.of(parity, spec);
            ReferenceNetwork network =
                    DoublePrecision.network(spec, weights, DoublePrecision.ALL_BITS);
            double[] logits =
                    network.forward(batch.values(), Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
            assertClose(parity, "train.logits", logits);
            assertClose(parity, "train.loss", new double[] {network.loss(batch.labels(), 0)});
            network.backward();
            int compared = 0;
            for (ParameterSpec p : spec.graph().parameters()) {
                assertClose(parity, "train.grad." + p.name(), network.gradient(p.name()));
                compared++;
            }
            // Four of stem, transitions and head each; nine of a layer, and two of its gate.
            assertEquals(4 * 4 + 6 * 9 + 4 * 2, compared);
        }
    }

    private static void assertClose(ParityCase parity, String name, double[] ours) {
        double error = Difference.relative(ours, parity.tensor(name).toDoubles());
        assertTrue(error <= ROUNDING, name + " is off by " + error);
    }
}
