package org.densenet4j.bench;

import org.bytedeco.pytorch.Tensor;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.DenseNetSpec;

import java.util.List;

/** A network in libtorch. */
interface PeerNetwork {
    /** Forward and backward pass; returns the loss, which is computed in fp32. */
    float step(Tensor images, Tensor labels);

    /** Logits of every head in fp32; nothing is kept. */
    List<Tensor> infer(Tensor images);

    /** DenseNets as torchvision writes them, which may be checkpointed; others node by node. */
    static PeerNetwork of(NetworkSpec spec, LibtorchWeights weights, PeerVariant variant) {
        return spec instanceof DenseNetSpec denseNet
                ? new LibtorchNetwork(denseNet, weights, variant)
                : new LibtorchGraph(spec.graph(), weights, variant);
    }
}
