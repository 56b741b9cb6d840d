/** An application with the whole runtime in it. What it uses of Java SQL comes along with the runtime. */
module com.example.embedding {
    requires io.forgeloom;
}
