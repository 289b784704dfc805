/** Memory-efficient DenseNet training for the JVM. */
module org.densenet4j {
    requires com.fasterxml.jackson.core;
    requires transitive java.desktop;
    requires java.logging;
    requires jdk.jfr;
    requires org.bytedeco.javacpp;
    requires static info.picocli;
    requires static jdk.incubator.vector;
    requires static jdk.unsupported;
    requires static transitive org.jspecify;

    exports org.densenet4j.backend;
    exports org.densenet4j.data;
    exports org.densenet4j.detection;
    exports org.densenet4j.distributed;
    exports org.densenet4j.engine;
    exports org.densenet4j.graph;
    exports org.densenet4j.inference;
    exports org.densenet4j.insight;
    exports org.densenet4j.io;
    exports org.densenet4j.plan;
    exports org.densenet4j.profile;
    exports org.densenet4j.report;
    exports org.densenet4j.spec;
    exports org.densenet4j.train;
    exports org.densenet4j.weights;

    opens org.densenet4j.cli to
            info.picocli;

    uses org.densenet4j.backend.DeviceProvider;

    provides org.densenet4j.backend.DeviceProvider with
            org.densenet4j.backend.cpu.CpuProvider,
            org.densenet4j.backend.cuda.CudaProvider;
}
