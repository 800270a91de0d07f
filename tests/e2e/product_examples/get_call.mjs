const response = await fetch(
  "https://api.truedy.ai/api/public/v1/calls/call_01hx3k9p2qw7v8n4m6j5r0y1tz",
  {
    headers: { Authorization: "Bearer YOUR_API_KEY" },
  }
);

const call = await response.json();
console.log(call.status);           // "ended"
console.log(call.duration_seconds); // 183
