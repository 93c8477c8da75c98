export default () => <p>Uploads go to /upload.</p>;
