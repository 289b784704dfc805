package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.graph.Graph;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OperationKindTest {
    @ParameterizedTest
    @CsvSource({
        "bc-22-12, stem, stem and head",
        "bc-22-12, block2.layer1, 'dense layers, backward'",
        "plain-40-12, block1.layer3, 'dense layers, backward'",
        "plain-40-12, transition1, transitions",
        "fc-densenet56, down1.layer1, 'dense layers, backward'",
        "fc-densenet56, up3.layer2, 'dense layers, backward'",
        "fc-densenet56, transitionup2, transitions",
        "fc-densenet56, head, stem and head",
        "resnet18, layer2.0.conv1, 'convolutions, backward'",
        "resnet18, layer2.0.sum, pools and sums",
        "resnet18, stem, stem and head",
        "resnet18, optimiser, stem and head"
    })
    void operationsAreOfTheKindOfTheirNode(String model, String name, String kind) {
        Graph graph = FamilySpec.preset(model).build().graph();
        Operation operation = new Operation(0, Phase.BACKWARD, name);
        assertEquals(kind, OperationKind.in(graph).of(operation));
    }
}
