curl https://api.truedy.ai/api/public/v1/calls/call_01hx3k9p2qw7v8n4m6j5r0y1tz \
  -H "Authorization: Bearer YOUR_API_KEY"
